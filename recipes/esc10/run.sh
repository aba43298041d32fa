#!/usr/bin/env bash
# ESC-10: NASC's search against hand-made networks, on each of the five official folds. Any stage can be run again.
set -euo pipefail
cd "$(dirname "$0")"

stage=0
stop_stage=5
src=                                 # ESC-10 or ESC-50: an unpacked tree or an archive
data=data                            # five folds of Kaldi data directories
fold=                                # one of 1 to 5; empty: all, one after the other
networks="alternating square nasc"   # nasc is searched, the others are conf/NETWORK.json
seed=0

help_message="usage: run.sh --src CORPUS [--stage N] [--stop-stage N] [--data DIR] [--fold N]
       [--networks \"alternating square nasc\"] [--seed N] [KEY=VALUE ...]
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
changes=("$@")
# puts the config and its changes for network $1 on fold $2 into the array run
configure() {
    local conf=baseline
    if [ "$1" = nasc ]; then conf=nasc; fi
    run=("conf/$conf.yaml" "data.train=$data/fold$2/train" "data.dev=$data/fold$2/dev")
    run+=("name=$1_fold$2_$seed" "seed=$seed")
    if [ "$1" != nasc ]; then run+=("arch=conf/$1.json"); fi
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
    for network in $networks; do
        configure "$network" "$n"
        if within 1; then
            echo "== fold $n, $network, stage 1: check whether the rest will work, and how long it will take"
            audionas check "${run[@]}"
        fi
        if within 2 && [ "$network" = nasc ]; then
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
    for network in alternating square; do
        if compgen -G "exp/${network}_fold*" >/dev/null; then against+=(--against "$network" --metric macro_f1); fi
    done
    audionas table "${runs[@]}" --columns macro_f1,accuracy
    audionas table "${runs[@]}" --pool fold=clips --columns macro_f1,accuracy,params,macs "${against[@]}"
fi
