#!/usr/bin/env bash
# CIFAR-10 and CIFAR-100: search a cell with any method, train it, evaluate it. Any stage can be run again.
set -euo pipefail
cd "$(dirname "$0")"

stage=0
stop_stage=5
src=                     # cifar-10-binary.tar.gz, cifar-100-binary.tar.gz, their folder, or an .npz file
search=darts_cell_small  # conf/$search.yaml
method=                  # instead of the one in the config, such as pc_darts
arch=                    # an architecture file to train instead of searching
name=                    # results go to exp/$name
seed=0

help_message="usage: run.sh --src IMAGES [--stage N] [--stop-stage N] [--search CONF] [--method METHOD]
       [--arch FILE] [--name NAME] [--seed N] [KEY=VALUE ...]
  0 check   1 search   2 train   3 evaluate   4 export   5 report
KEY=VALUE changes the config: run.sh --src x.npz --method fair_darts space.preset=no_none search.epochs=1"

options=../parse_options.sh
[ -f $options ] || options=./parse_options.sh
. $options
. ./path.sh
. ./cmd.sh

within() { [ "$stage" -le "$1" ] && [ "$stop_stage" -ge "$1" ]; }
if [ -z "$src" ]; then
    echo "run.sh: --src is missing: the binary archive (cifar-10-binary.tar.gz) or an .npz file" >&2
    exit 1
fi
name=${name:-${search}${method:+_$method}_$seed}
run=("conf/$search.yaml" "images.path=$src" "name=$name" "seed=$seed")
if [ -n "$method" ]; then run+=("method.name=$method"); fi
if [ -n "$arch" ]; then run+=("arch=$arch"); fi
run+=("$@")

if within 0; then
    echo "== stage 0: read the images; whether the rest will work, and how long it will take"
    audionas check "${run[@]}"
fi
if within 1 && [ -z "$arch" ]; then
    echo "== stage 1: search (conf/$search.yaml ${method})"
    $train_cmd audionas search "${run[@]}" --resume
fi
if within 2; then
    echo "== stage 2: train the network found, from scratch"
    $train_cmd audionas train "${run[@]}" --resume
fi
if within 3; then
    echo "== stage 3: evaluate on the test images"
    audionas eval "exp/$name" --data "$src"
fi
if within 4; then
    echo "== stage 4: export"
    audionas export "exp/$name" --data "$src"
fi
if within 5; then
    echo "== stage 5: report"
    audionas show "exp/$name"
fi
