// The tap: passes played or recorded sound to the listener, mixed to one channel, block by block.

class Tap extends AudioWorkletProcessor {
  constructor({ processorOptions }) {
    super();
    this.block = new Float32Array(processorOptions.block);
    this.filled = 0;
    this.port.onmessage = ({ data }) => { this.listener = data; }; // the listener's end of a channel
  }

  process([channels]) {
    if (!channels.length) this.send(); // the source has ended: send the rest
    for (let i = 0; channels.length && i < channels[0].length; i++) {
      let sum = 0;
      for (const channel of channels) sum += channel[i];
      this.block[this.filled++] = sum / channels.length;
      if (this.filled === this.block.length) this.send();
    }
    return true;
  }

  send() {
    if (this.filled && this.listener) this.listener.postMessage(this.block.slice(0, this.filled));
    this.filled = 0;
  }
}

registerProcessor("tap", Tap);
