#!/usr/bin/env bash
# A wake word: data, search for a stream, training, files, thresholds, numbers. Any stage can be run again.
set -euo pipefail
cd "$(dirname "$0")"

stage=0
stop_stage=8
word=computer                            # the word, as it is spelt
src=                                     # folders or archives of recordings, one folder per word, separated by spaces
positives=                               # a folder of recordings of the word
negatives=                               # a folder of any other sounds
codec=                                   # opus or vorbis: all recordings and voices go through it
say=300                                  # clips of the word by synthetic voices
hard=2                                   # hard negatives of each kind per training recording of the word
sentences=1                              # hours of sentences by the same voices, to train on
espeak_hours=0                           # hours of sentences for mining and for counting false accepts
data=data
# conf/NETWORK.yaml; best: the most accurate on the front of searched; mined: searched, trained again with the
# sounds in the training recordings that fool it
networks="searched best mined bc_resnet1 ds_cnn_s"
target=7                                 # false accepts per hour for which dev chooses the thresholds
seed=0
folds=                                   # a folder: do the jobs of conf/folds.txt there, and print their tables

help_message="usage: run.sh [--word WORD] [--src \"DIR DIR\"] [--positives DIR] [--negatives DIR] [--say N]
       [--codec opus] [--hard N] [--sentences H] [--espeak-hours H] [--stage N] [--stop-stage N] [--data DIR]
       [--target RATE] [--seed N] [--networks \"searched best mined bc_resnet1 ds_cnn_s\"] [KEY=VALUE ...]
       run.sh --folds DIR --src \"DIR DIR\"
  0 prepare   1 check   2 search   3 train   4 evaluate clips   5 export   6 tune on dev   7 measure on test
  8 table
KEY=VALUE changes the configs: run.sh --positives mine --negatives radio threads=1 train.epochs=8"

options=../parse_options.sh
[ -f $options ] || options=./parse_options.sh
. $options
. ./path.sh
. ./cmd.sh

if [ -n "$folds" ]; then
    python local/needs.py mini device export
    python local/folds.py "$folds" $src
    python local/folds_table.py "$folds"
    exit
fi

within() { [ "$stage" -le "$1" ] && [ "$stop_stage" -ge "$1" ]; }
changes=("$@")
# puts the config and its changes for network $1 into the array run
configure() {
    local conf=$1 train=$data/train
    case $1 in best | mined) conf=searched ;; esac
    run=("conf/$conf.yaml")
    case $1 in
        best) run+=("arch=exp/searched_$seed#1") ;;  # the front begins with it
        mined) run+=("arch=exp/searched_$seed") train=$data/mined_$seed ;;
    esac
    run+=("data.train=$train" "data.dev=$data/dev" "name=$1_$seed" "seed=$seed")
    run+=("${changes[@]}")
}
# sets the export targets of network $1, and the files to measure, float and int8
choose() {
    case $1 in
        ds_cnn_s) export=(--target onnx,int8) files=(model.onnx model.int8.onnx) ;;
        bc_resnet1) export=(--target onnx-stream,int8,litert --input frames)
            files=(model.stream.onnx model.int8.tflite) ;;
        *) export=(--target onnx-stream,int8,litert,esphome --input frames)
            files=(model.stream.onnx model.int8.tflite "$1_$seed.tflite") ;;
    esac
}

# prints the files that exist, with option $1 before each; names hold no spaces
made() {
    local file
    for file in "${files[@]}"; do
        if [ -f "$exp/export/$file" ]; then echo "$1 $file"; fi
    done
}
# adds false accepts in the training recordings, of people and of voices, to the training clips
mine() {
    local known=$data/train all=$data/mined_$seed
    if [ -d "$data/train_espeak" ]; then
        audionas mine "exp/searched_$seed" "$data/train_espeak" --data "$known" --out "${all}_espeak" \
            --threshold 0.5
        known=${all}_espeak
    fi
    audionas mine "exp/searched_$seed" "$data/train_long" --data "$known" --out "$all" --threshold 0.5
}

for network in $networks; do
    case $network in
        best | mined) ;;
        *) [ -f "conf/$network.yaml" ] || { echo "$0: --networks $network: no conf/$network.yaml" >&2; exit 1; } ;;
    esac
done
# prints the extras that the stages to come use: voices, the device's front-end and files, ONNX files
extras() {
    if within 0 && { [ "$say" != 0 ] || [ "$espeak_hours" != 0 ]; }; then echo mini; fi
    for network in $networks; do
        if [ "$stop_stage" -ge 1 ] && [ "$network" != ds_cnn_s ]; then echo device && break; fi
    done
    if [ "$stop_stage" -ge 5 ]; then echo export; fi
}
if within 0; then
    echo "== stage 0: prepare clips and continuous negatives"
    python local/needs.py $(extras)
    prepare=(audionas prep wake_word "$data" --word "$word" --say "$say")
    prepare+=(--sentences "$sentences" --espeak-hours "$espeak_hours" --hard "$hard")
    if [ -n "$codec" ]; then prepare+=(--codec "$codec"); fi
    for place in $src; do prepare+=(--src "$place"); done
    if [ -n "$positives" ]; then prepare+=(--positives "$positives"); fi
    if [ -n "$negatives" ]; then prepare+=(--negatives "$negatives"); fi
    "${prepare[@]}"
fi
for network in $networks; do
    configure "$network"
    choose "$network"
    exp=exp/${network}_$seed
    if within 1 && [ -f "conf/$network.yaml" ]; then
        echo "== $network, stage 1: check whether the rest will work, and how long it will take"
        audionas check "${run[@]}"
    fi
    if within 2 && [ "$network" = searched ]; then
        echo "== $network, stage 2: search for accuracy, bytes of state and multiply-adds per hop"
        $train_cmd audionas search "${run[@]}" --resume
    fi
    if within 2 && [ "$network" = mined ]; then
        echo "== mined, stage 2: mine false accepts of searched_$seed in the training recordings"
        mine
    fi
    if within 3; then
        echo "== $network, stage 3: train"
        $train_cmd audionas train "${run[@]}" --resume
    fi
    if within 4; then
        echo "== $network, stage 4: evaluate clip by clip"
        audionas eval "$exp" --data "$data/test"
        audionas cost "$exp" --json >"$exp/cost.json"
    fi
    if within 5; then
        echo "== $network, stage 5: export"
        status=0 began=$(mktemp)
        audionas export "$exp" "${export[@]}" --data "$data/test" || status=$?
        if [ $status != 0 ]; then  # 1 may mean that one file was refused while others were written
            if [ $status != 1 ] || [ ! "$exp/export/${files[0]}" -nt "$began" ]; then exit $status; fi
            echo "== $network: a refused file stays a gap in the table"
        fi
        rm "$began"
    fi
    if within 6; then
        echo "== $network, stage 6: tune on the development recordings"
        status=0 began=$(mktemp)
        audionas tune "$exp" --positives "$data/dev_words" --negatives "$data/dev_long" \
            --target-fa-per-hour "$target" $(made --file) || status=$?
        if [ $status != 0 ]; then  # 1 may mean that a file hears no word at any threshold; figures are written
            if [ $status != 1 ] || [ ! "$exp/tune/tune.json" -nt "$began" ]; then rm "$began"; exit $status; fi
            echo "== $network: a file without a threshold stays a gap in the table"
        fi
        rm "$began"
    fi
    if within 7; then
        echo "== $network, stage 7: measure on the test recordings"
        python local/measure.py "$exp" "$data" "${files[@]}"
        audionas show "$exp"
    fi
done
if within 8; then
    echo "== stage 8: table"
    python local/table.py
fi
