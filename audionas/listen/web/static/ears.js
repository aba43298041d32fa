// What the model takes per hop, from samples in blocks of any length: samples, or frames of the front-end `micro`.

import { Micro } from "./micro.js";

// The ears of a model whose input has this name and shape.
export const ears = ({ name, shape }) => (name === "frames" ? new Frames(shape) : new Samples(shape));

class Samples {
  constructor([, hop]) {
    this.hop = hop;
    this.rest = new Float32Array(0); // samples of an unfinished hop
  }

  // The inputs that end within these samples: Float32Arrays of the model's shape.
  step(samples) {
    const all = new Float32Array(this.rest.length + samples.length), inputs = [];
    all.set(this.rest);
    all.set(samples, this.rest.length);
    let at = 0;
    for (; at + this.hop <= all.length; at += this.hop) inputs.push(all.slice(at, at + this.hop));
    this.rest = all.slice(at);
    return inputs;
  }
}

class Frames {
  constructor([, , channels, frames]) {
    this.size = [channels, frames];
    this.micro = new Micro();
    this.waiting = []; // frames of an unfinished hop
  }

  step(samples) {
    const [channels, frames] = this.size, inputs = [];
    this.waiting.push(...this.micro.step(samples));
    while (this.waiting.length >= frames) {
      const part = this.waiting.splice(0, frames);
      inputs.push(Float32Array.from({ length: channels * frames }, (_, i) => part[i % frames][Math.floor(i / frames)]));
    }
    return inputs;
  }
}
