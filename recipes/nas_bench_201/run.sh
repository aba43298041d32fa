#!/usr/bin/env bash
# NAS-Bench-201: search a cell on images with any method, look up its accuracy. Any stage can be run again.
set -euo pipefail
cd "$(dirname "$0")"

stage=0
stop_stage=2                # 5 also trains the cell here
src=                        # cifar-10-binary.tar.gz, its folder, or an .npz file
table=                      # the benchmark's results as .npz; README.md says how to make it
search=nas_bench_201_small  # conf/$search.yaml
method=                     # replaces the one in the config, such as pc_darts
arch=                       # a cell instead of a search: its string, or a file
name=                       # results go to exp/$name
seed=0

help_message="usage: run.sh --src IMAGES --table FILE [--stage N] [--stop-stage N] [--search CONF] [--method METHOD]
       [--arch CELL] [--name NAME] [--seed N] [KEY=VALUE ...]
  0 check   1 search   2 look up   3 train   4 evaluate   5 report      (2 is the last by default)
KEY=VALUE changes the config: run.sh --src x.npz --table t.npz --method darts_minus search.epochs=1"

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
if within 2 && [ ! -f "$table" ]; then
    echo "run.sh: --table ${table:-is missing}: expected the benchmark's results as .npz, see README.md" >&2
    exit 1
fi
name=${name:-${search}${method:+_$method}_$seed}
run=("conf/$search.yaml" "images.path=$src" "name=$name" "seed=$seed")
if [ -n "$method" ]; then run+=("method.name=$method"); fi
if [ -n "$arch" ]; then run+=("arch=$arch"); fi
run+=("$@")

if within 0; then
    echo "== stage 0: read the images; check whether the rest will work, and how long it will take"
    audionas check "${run[@]}"
fi
if within 1 && [ -z "$arch" ]; then
    echo "== stage 1: search (conf/$search.yaml ${method})"
    $train_cmd audionas search "${run[@]}" --resume
fi
if within 2; then
    echo "== stage 2: look up the cell's accuracy in the benchmark"
    audionas cost "${arch:-exp/$name}" --table "$table" | sed -n '/^|/,$p'
fi
if within 3; then
    echo "== stage 3: train the cell here, from scratch"
    $train_cmd audionas train "${run[@]}" --resume
fi
if within 4; then
    echo "== stage 4: evaluate on the test images"
    audionas eval "exp/$name" --data "$src"
fi
if within 5; then
    echo "== stage 5: report"
    audionas show "exp/$name"
fi
