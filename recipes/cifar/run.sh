#!/usr/bin/env bash
# CIFAR-10 and CIFAR-100: search a cell with any method, train it, evaluate it. Any stage can be run again.
set -euo pipefail
cd "$(dirname "$0")"

stage=0
stop_stage=6
src=                     # cifar-10-binary.tar.gz, cifar-100-binary.tar.gz, their folder, or an .npz file
download=false           # fetch the archive for --classes into data/download instead
classes=10               # or 100: which archive is fetched
search=darts_cell_small  # conf/$search.yaml
method=                  # replaces the one in the config, such as pc_darts
arch=                    # an architecture to train instead of searching: a zoo name, a file, a genotype
name=                    # results go to exp/$name
seed=0

help_message="usage: run.sh --src IMAGES | --download true [--classes 10|100] [--stage N] [--stop-stage N]
       [--search CONF] [--method METHOD] [--arch NETWORK] [--name NAME] [--seed N] [KEY=VALUE ...]
  0 prepare   1 check   2 search   3 train   4 evaluate   5 export   6 report
KEY=VALUE changes the config: run.sh --src x.npz --method fair_darts space.preset=no_none search.epochs=1"

options=../parse_options.sh
[ -f $options ] || options=./parse_options.sh
. $options
. ./path.sh
. ./cmd.sh

within() { [ "$stage" -le "$1" ] && [ "$stop_stage" -ge "$1" ]; }
if [ "$download" = true ]; then
    src=data/download/cifar-$classes-binary.tar.gz
elif [ -z "$src" ]; then
    echo "run.sh: --src is missing: the binary archive (cifar-10-binary.tar.gz) or an .npz file; or --download true" >&2
    exit 1
fi
label=$(basename "${arch%.json}" | tr -c 'A-Za-z0-9_\n' _ | cut -c 1-40)
name=${name:-${search}${arch:+_$label}${method:+_$method}_$seed}
run=("conf/$search.yaml" "images.path=$src" "name=$name" "seed=$seed")
if [ -n "$method" ]; then run+=("method.name=$method"); fi
if [ -n "$arch" ]; then run+=("arch=$arch"); fi
run+=("$@")

if within 0 && [ "$download" = true ]; then
    echo "== stage 0: fetch CIFAR-$classes and compare its checksum"
    audionas prep cifar data --download --classes "$classes"
fi
if within 1; then
    echo "== stage 1: read the images; check whether the rest will work, and how long it will take"
    audionas check "${run[@]}"
fi
if within 2 && [ -z "$arch" ]; then
    echo "== stage 2: search (conf/$search.yaml ${method})"
    $train_cmd audionas search "${run[@]}" --resume
fi
if within 3; then
    echo "== stage 3: train, from scratch"
    $train_cmd audionas train "${run[@]}" --resume
fi
if within 4; then
    echo "== stage 4: evaluate on the test images"
    audionas eval "exp/$name" --data "$src"
fi
if within 5; then
    echo "== stage 5: export"
    audionas export "exp/$name" --data "$src"
fi
if within 6; then
    echo "== stage 6: report"
    audionas show "exp/$name"
fi
