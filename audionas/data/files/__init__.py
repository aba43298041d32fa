"""Sound files on disk: their headers and states, the list of those in a folder, decoding by ffmpeg."""
