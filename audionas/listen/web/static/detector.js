// From scores to events, hop by hop: the rule of `audionas detect` and `audionas tune`.
//
// A keyword fires where N of the last M smoothed scores reach its threshold and at least the refractory time
// has passed since its last event. The N-th largest of the last M is the level, compared with the threshold.

export class Detector {
  constructor({ keywords, rule, warm_up, hop, sample_rate }) {
    this.rule = rule;
    this.warmUp = warm_up; // scores after the start that are ignored
    this.hopTime = hop / sample_rate;
    this.hops = 0;
    this.lead = 0; // hops of silence before a recording: its times begin after them
    this.keywords = keywords.map((keyword) => ({ ...keyword, scores: [], means: [], free: 0 }));
  }

  // Map the probabilities of one hop to {levels by keyword, events}.
  step(scores) {
    const hop = this.hops++, levels = {}, events = [];
    for (const keyword of this.keywords) {
      const level = hop < this.warmUp ? NaN : this.level(keyword, scores[keyword.column]);
      levels[keyword.name] = level;
      if (level >= keyword.threshold && hop >= keyword.free) {
        keyword.free = hop + this.rule.gap;
        events.push({ seconds: (hop + 1 - this.lead) * this.hopTime, keyword: keyword.name, score: level });
      }
    }
    return { levels, events };
  }

  level({ scores, means }, score) {
    const { smooth, patience: [need, of] } = this.rule;
    push(scores, score, smooth);
    push(means, scores.reduce((sum, x) => sum + x, 0) / scores.length, of);
    return means.length < need ? NaN : [...means].sort((a, b) => b - a)[need - 1];
  }
}

function push(line, value, most) {
  line.push(value);
  if (line.length > most) line.shift();
}
