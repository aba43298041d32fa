"""What lies in sound files: their headers, their states, what a folder holds, what ffmpeg decodes."""
