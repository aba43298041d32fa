#!/usr/bin/env bash
# ESC-10: NASC's search against hand-made networks, on each of the five official folds. Any stage can be run again.
set -euo pipefail
cd "$(dirname "$0")"

stage=0
stop_stage=5
src=                                 # ESC-10 or ESC-50: an unpacked tree or an archive
data=data                            # five folds of Kaldi data directories
fold=                                # one of 1 to 5; empty: all, one after the other
networks="alternating square nasc"   # nasc and soft are searched, the others are conf/NETWORK.json
shift=false                          # evaluate on made devices as well
responses=                           # with --shift true: a folder of impulse responses, a device each
seed=0

help_message="usage: run.sh --src CORPUS [--stage N] [--stop-stage N] [--data DIR] [--fold N]
       [--networks \"alternating square time frequency smallest nasc soft\"] [--shift true]
       [--responses FOLDER] [--seed N] [KEY=VALUE ...]
  0 prepare   1 check   2 search   3 train   4 evaluate   5 table
KEY=VALUE changes the configs: run.sh --src esc10.tar --fold 1 threads=1 train.epochs=10"

options=../parse_options.sh
[ -f $options ] || options=./parse_options.sh
. $options
. ./path.sh
. ./cmd.sh

within() { [ "$stage" -le "$1" ] && [ "$stop_stage" -ge "$1" ]; }
case $fold in
    [1-5]) folds=$fold ;;
    "") folds="1 2 3 4 5" ;;
    *) echo "run.sh: --fold $fold: expected 1 to 5" >&2; exit 1 ;;
esac
searched() { [ "$1" = nasc ] || [ "$1" = soft ]; }
changes=("$@")
# puts the config and its changes for network $1 on fold $2 into the array run
configure() {
    local conf=baseline
    if searched "$1"; then conf=$1; fi
    run=("conf/$conf.yaml" "data.train=$data/fold$2/train" "data.dev=$data/fold$2/dev")
    run+=("name=$1_fold$2_$seed" "seed=$seed")
    if ! searched "$1"; then run+=("arch=conf/$1.json"); fi
    run+=("${changes[@]}")
}

if within 0; then
    if [ -z "$src" ]; then
        echo "run.sh: --src is missing: a folder or an archive of ESC-10 or ESC-50, see README.md" >&2
        exit 1
    fi
    echo "== stage 0: prepare the five folds"
    audionas prep esc10 "$data" --src "$src"
fi
for n in $folds; do
    if $shift && within 4 && [ ! -f "$data/fold$n/shifted/utt2device" ]; then
        echo "== fold $n: the test clips as made devices record them"
        python local/devices.py "$data/fold$n/test" "$data/fold$n/shifted" ${responses:+"$responses"}
    fi
    for network in $networks; do
        configure "$network" "$n"
        if within 1; then
            echo "== fold $n, $network, stage 1: check whether the rest will work, and how long it will take"
            audionas check "${run[@]}"
        fi
        if within 2 && searched "$network"; then
            echo "== fold $n, $network, stage 2: search"
            $train_cmd audionas search "${run[@]}" --resume
        fi
        if within 3; then
            echo "== fold $n, $network, stage 3: train"
            $train_cmd audionas train "${run[@]}" --resume
        fi
        if within 4; then
            echo "== fold $n, $network, stage 4: evaluate"
            exp=exp/${network}_fold${n}_$seed
            if $shift; then audionas eval "$exp" --data "$data/fold$n/shifted" --by device; fi
            audionas eval "$exp" --data "$data/fold$n/test"
            audionas cost "$exp" --json >"$exp/cost.json"
            audionas show "$exp"
        fi
    done
done
if within 5; then
    echo "== stage 5: table"
    runs=("exp/*_fold[1-5]_*" --name "{network}_fold{fold}_{seed}")
    against=()
    for network in alternating square time frequency; do
        if compgen -G "exp/${network}_fold*" >/dev/null; then against+=(--against "$network" --metric macro_f1); fi
    done
    audionas table "${runs[@]}" --columns macro_f1,accuracy,log_loss
    audionas table "${runs[@]}" --pool fold=clips --columns macro_f1,accuracy,log_loss,params,macs "${against[@]}"
    if compgen -G "exp/*/eval/shifted.json" >/dev/null; then
        echo "Made devices: accuracy on each, the mean over the folds"
        audionas table "${runs[@]}" --eval eval/shifted.json --pool fold=mean \
            --columns "macro_f1,log_loss,by.device.*.accuracy"
    fi
fi
