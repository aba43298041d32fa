#!/usr/bin/env bash
# From spoken words to an exported keyword model, on a data set that is made here in seconds.
# After an interruption, run it again: every stage resumes where it stopped.
set -euo pipefail
cd "$(dirname "$0")"

stage=0
stop_stage=5
data=data    # Kaldi data directories train, dev, test; made in stage 0 unless given
name=mini    # results go to exp/$name
seed=0
clips=5500   # number of clips to speak in stage 0

help_message="usage: run.sh [--stage N] [--stop-stage N] [--data DIR] [--name NAME] [--seed N] [--clips N]
  0 data   1 search   2 train   3 evaluate   4 export   5 report
your own words: audionas prep folder RECORDINGS my_data && run.sh --data my_data --name my_words"

options=../parse_options.sh
[ -f $options ] || options=./parse_options.sh
. $options
. ./path.sh

within() { [ "$stage" -le "$1" ] && [ "$stop_stage" -ge "$1" ]; }
conf=("data.train=$data/train" "data.dev=$data/dev" "name=$name" "seed=$seed")

if within 0 && [ "$data" = data ]; then
    echo "== stage 0: eSpeak NG speaks ten commands, other words and noise"
    audionas prep mini data --clips "$clips"
fi
if within 1; then
    echo "== stage 1: search an architecture (NoisyDARTS on kws_tc_resnet)"
    audionas search conf/mini.yaml "${conf[@]}" --resume
fi
if within 2; then
    echo "== stage 2: train it from scratch"
    audionas train conf/mini.yaml "${conf[@]}" --resume
fi
if within 3; then
    echo "== stage 3: evaluate on voices never heard in training"
    audionas eval "exp/$name" --data "$data/test"
fi
if within 4; then
    echo "== stage 4: export to ONNX, verified against torch"
    audionas export "exp/$name" --data "$data/test"
fi
if within 5; then
    echo "== stage 5: report"
    audionas show "exp/$name"
    cat <<END

Try it:          audionas predict $PWD/exp/$name my.wav
Your own words:  put one folder of recordings per word into my_words/, then
                 audionas prep folder my_words my_data
                 $PWD/run.sh --data "\$PWD/my_data" --name my_words
END
    if [ -d ../../.venv ]; then echo "(audionas is on the PATH after: . $(cd ../.. && pwd)/.venv/bin/activate)"; fi
fi
