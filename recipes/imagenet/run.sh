#!/usr/bin/env bash
# ImageNet, or images of your own in its layout: search or take an architecture, train it, evaluate it.
set -euo pipefail
cd "$(dirname "$0")"

stage=0
stop_stage=6
archives=       # a folder with ImageNet's three archives; they are unpacked into src
src=            # a folder with train/CLASS/*.JPEG and val/CLASS/*.JPEG
conf=mobilenet  # conf/$conf.yaml
method=         # replaces the one in the config
arch=           # an architecture to train instead of searching: a zoo name, a file, a genotype
part=1.0        # share of each class's training images that the search uses
cache=          # where decoded images are kept; empty: cache/ beside src
name=           # results go to exp/$name
seed=0

help_message="usage: run.sh --src FOLDER [--archives FOLDER] [--stage N] [--stop-stage N] [--conf CONF] [--method METHOD]
       [--arch NETWORK] [--part SHARE] [--cache FOLDER] [--name NAME] [--seed N] [KEY=VALUE ...]
  0 prepare   1 check   2 search   3 train   4 evaluate   5 export   6 report
KEY=VALUE changes the config: run.sh --src my_images --part 0.1 images.size=64 train.epochs=20"

options=../parse_options.sh
[ -f $options ] || options=./parse_options.sh
. $options
. ./path.sh
. ./cmd.sh

within() { [ "$stage" -le "$1" ] && [ "$stop_stage" -ge "$1" ]; }
if [ -z "$src" ]; then
    echo "run.sh: --src is missing: a folder with train/CLASS/*.JPEG and val/CLASS/*.JPEG" >&2
    exit 1
fi
label=$(basename "${arch%.json}" | tr -c 'A-Za-z0-9_\n' _ | cut -c 1-40)
name=${name:-${conf}${arch:+_$label}${method:+_$method}_$seed}
run=("conf/$conf.yaml" "images.path=$src" "name=$name" "seed=$seed")
if [ -n "$cache" ]; then run+=("images.cache=$cache"); fi
if [ -n "$method" ]; then run+=("method.name=$method"); fi
if [ -n "$arch" ]; then run+=("arch=$arch"); fi
run+=("$@")
first=("${run[@]}") # the first stages may use a part of the images
if [ -z "$arch" ]; then first+=("images.subset=$part"); fi

if within 0 && [ -n "$archives" ]; then
    echo "== stage 0: unpack ImageNet's archives"
    audionas prep imagenet "$archives" "$src"
fi
if within 1; then
    echo "== stage 1: decode the images; check whether the rest will work, and how long it will take"
    audionas check "${first[@]}"
fi
if within 2 && [ -z "$arch" ]; then
    echo "== stage 2: search (conf/$conf.yaml ${method})"
    $train_cmd audionas search "${first[@]}" --resume
fi
if within 3; then
    echo "== stage 3: train on all images, from scratch"
    $train_cmd audionas train "${run[@]}" --resume
fi
if within 4; then
    echo "== stage 4: evaluate on val/"
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
