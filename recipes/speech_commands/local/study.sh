#!/usr/bin/env bash
# The study of --protocol v1-7: every search and training, in order of worth, one thread each, without the test.
# local/study.sh [N]: N at a time (1). Run it again to resume; local/study.sh list tells what is finished.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
command -v audionas >/dev/null || . ./path.sh

exp=exp/v1-7
draws=8 # random networks whose trainings cost what the search costs: see the README
export exp draws OMP_NUM_THREADS=1

# Lines NAME SEED: what is worth most comes first.
jobs() {
    local hand="tc_resnet8 sparknet_c16 sparknet_c32 bc_resnet1 ds_cnn_s mixednet" seed
    for name in $hand; do echo "$name 0"; done
    echo "fair_1m 0"
    for seed in $(seq 0 $((draws - 1))); do echo "draw_1m $seed"; done
    echo "random_1m 0"
    for seed in 1 2; do
        for name in tc_resnet8 sparknet_c32 bc_resnet1 fair_1m random_1m; do echo "$name $seed"; done
    done
    printf '%s 0\n' price_1m tc_resnet14_w1_5 distilled_1m
    for name in sparknet_c16 ds_cnn_s mixednet price_1m tc_resnet14_w1_5 distilled_1m; do echo "$name 1"; done
    for seed in 3 4; do
        for name in tc_resnet8 sparknet_c32 bc_resnet1 fair_1m random_1m; do echo "$name $seed"; done
    done
    printf 'bc_resnet3 %s\n' 0 1
}

# A command of a run, with its CPU seconds (user, system) in the run's file; ended where it hangs.
timed() {
    local id=$1 limit=
    shift
    if command -v timeout >/dev/null; then limit="timeout 6h"; fi
    TIMEFORMAT="%U %S $2"
    { time $limit "$@" >>"$exp/log/$id.txt" 2>&1; } 2>>"$exp/log/$id.cpu"
}

# The network of a name: of the zoo, of conf/v1_7, or what validation has chosen.
network() {
    case $1 in
        fair_1m | random_1m | price_1m) echo "$exp/$1.json" ;;
        distilled_1m) echo "$exp/fair_1m.json" ;;
        mixednet) echo conf/v1_7/mixednet.json ;;
        *) echo "$1" ;;
    esac
}

# What must be there before a network is known.
found() {
    local file=$exp/$1.json
    [ ! -f "$file" ] || return 0
    case $1 in
        fair_1m)
            timed search_1m audionas search conf/v1_7/search_1m.yaml name=v1-7/search_1m seed=0 threads=1 --resume &&
                python local/best.py "$file" $exp/search_1m/front.json
            ;;
        price_1m)
            timed search_price_1m audionas search conf/v1_7/price_1m.yaml name=v1-7/search_price_1m seed=0 threads=1 --resume &&
                cp $exp/search_price_1m/arch.json "$file"
            ;;
        random_1m)
            for seed in $(seq 0 $((draws - 1))); do [ -f "$exp/draw_1m_$seed/eval/dev.json" ] || return 1; done
            python local/best.py "$file" $exp/draw_1m_*
            ;;
        distilled_1m) [ -f $exp/fair_1m.json ] && [ -f $exp/bc_resnet1_2/eval/dev.json ] ;;
    esac
}

one() {
    local name=$1 seed=$2 id=$1_$2 run
    [ ! -f "$exp/$id/eval/dev.json" ] || return 0
    if ! found "$name"; then echo "later $id: waits for others"; return 0; fi
    run=(conf/v1_7.yaml "arch=$(network "$name")")
    if [ "$name" = draw_1m ]; then
        run=(conf/v1_7/random_1m.yaml)
        timed "$id" audionas search "${run[@]}" "name=v1-7/$id" "seed=$seed" --resume || true
    elif [ "$name" = distilled_1m ]; then
        run+=("train.distill={teacher: [$exp/bc_resnet1_0, $exp/bc_resnet1_1, $exp/bc_resnet1_2]}")
    fi
    if timed "$id" audionas train "${run[@]}" "name=v1-7/$id" "seed=$seed" threads=1 --resume &&
        timed "$id" audionas eval "$exp/$id" --data data/v1-7/dev; then
        echo "done $id"
    else
        echo "FAILED $id: see $exp/log/$id.txt"
    fi
}
export -f one timed network found

if [ "${1:-}" = list ]; then
    jobs | while read -r name seed; do
        if [ -f "$exp/${name}_$seed/eval/dev.json" ]; then echo "done ${name}_$seed"; else echo "     ${name}_$seed"; fi
    done
    exit
fi
mkdir -p $exp/log
lock=$exp/.study # a folder: making it is one step
if ! mkdir $lock 2>/dev/null; then
    if kill -0 "$(cat $lock/pid 2>/dev/null || echo none)" 2>/dev/null; then
        echo "study.sh: process $(cat $lock/pid) is at it already" >&2
        exit 1
    fi
fi
echo $$ >$lock/pid
trap 'rm -rf $lock' EXIT
for _ in 1 2 3; do # what waited for others comes in the next round
    jobs | xargs -P "${1:-1}" -L 1 bash -c 'one "$0" "$1"'
done
