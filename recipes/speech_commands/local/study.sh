#!/usr/bin/env bash
# The study of --protocol v1-7: every search and training, in order of worth, one thread each; the test stays closed.
# local/study.sh [N]                          N at a time (1); run it again to resume
# local/study.sh list                         what is finished
# local/study.sh one NAME SEED [KEY=VALUE ...]   one of them, for a cluster
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
command -v audionas >/dev/null || . ./path.sh

draws=8           # random networks: their trainings cost what the search and its training cost
work=exp/v1-7_log # what the runs print, their CPU seconds, the networks that validation chose
export draws work OMP_NUM_THREADS=1

# Lines NAME SEED: what is worth most comes first.
jobs() {
    local name seed
    for name in tc_resnet8 sparknet_c16 sparknet_c32 bc_resnet1 ds_cnn_s mixednet fair_1m; do echo "$name 0"; done
    for seed in $(seq 0 $((draws - 1))); do echo "draw_1m $seed"; done
    echo "random_1m 0"
    for name in wide_1m wide_0_4m wide_2_5m; do echo "$name 0"; done
    for seed in 1 2; do
        for name in tc_resnet8 sparknet_c32 bc_resnet1 fair_1m random_1m; do echo "$name $seed"; done
    done
    for seed in 1 2; do
        for name in wide_1m wide_0_4m wide_2_5m; do echo "$name $seed"; done
    done
    for name in price_1m distilled_1m tc_resnet14_w1_5; do echo "$name 0"; done
    for name in sparknet_c16 ds_cnn_s mixednet price_1m distilled_1m tc_resnet14_w1_5; do echo "$name 1"; done
    for seed in 3 4; do
        for name in tc_resnet8 sparknet_c32 bc_resnet1 fair_1m random_1m; do echo "$name $seed"; done
    done
    for seed in 0 1; do echo "bc_resnet3 $seed"; done
}

# A command of a run; its CPU seconds (user, system) stand in a line of its own. It is ended where it hangs.
timed() {
    local id=$1 limit=
    shift
    if command -v timeout >/dev/null; then limit="timeout --foreground 6h"; fi
    TIMEFORMAT="%U %S $2"
    { time $limit "$@" >>"$work/$id.txt" 2>&1; } 2>>"$work/$id.cpu"
}

search() { timed "search_$1" audionas search "conf/v1_7/$1.yaml" "name=v1-7_search_$1" seed=0 threads=1 --resume; }

# One supernet, then a search below each budget.
wide() {
    local run=exp/v1-7_search_wide name most
    if [ ! -f $run/search/done.json ]; then
        search wide && python local/best.py $work/wide_2_5m.json $run/front.json || return 1
    fi
    while read -r name most; do
        [ ! -f "$work/$name.json" ] || continue
        timed search_wide audionas search conf/v1_7/wide.yaml name=v1-7_search_wide seed=0 threads=1 \
            --overwrite --keep-supernet "searcher.limits.macs=$most" </dev/null || return 1
        python local/best.py "$work/$name.json" $run/front.json || return 1
    done <<<$'wide_2_5m 2.5e6\nwide_1m 1.07e6\nwide_0_4m 0.4e6'
}

# Whether a name's network is known; searched ones are searched here, and validation chooses.
known() {
    local file=$work/$1.json seed
    [ ! -f "$file" ] || return 0
    case $1 in
        fair_1m) search fair_1m && python local/best.py "$file" exp/v1-7_search_fair_1m/front.json ;;
        wide_1m) wide ;;
        wide_0_4m | wide_2_5m) return 1 ;; # with wide_1m
        price_1m) search price_1m && cp exp/v1-7_search_price_1m/arch.json "$file" ;;
        random_1m)
            for seed in $(seq 0 $((draws - 1))); do finished "draw_1m_$seed" || return 1; done
            python local/best.py "$file" exp/v1-7_draw_1m_?
            ;;
        distilled_1m) [ -f "$work/fair_1m.json" ] && finished bc_resnet1_0 && finished bc_resnet1_1 && finished bc_resnet1_2 ;;
    esac
}

finished() { [ -f "exp/v1-7_$1/eval/dev.json" ]; }

one() {
    local name=$1 seed=$2 id=$1_$2 run
    shift 2
    if finished "$id"; then return; fi
    if ! known "$name"; then
        echo "later $id: waits for others"
        return
    fi
    run=(conf/v1_7.yaml "name=v1-7_$id" "seed=$seed" threads=1 --resume)
    case $name in
        draw_1m)
            run[0]=conf/v1_7/random_1m.yaml
            [ -f "exp/v1-7_$id/arch.json" ] || timed "$id" audionas search "${run[@]}" || true
            ;;
        fair_1m | price_1m | random_1m | wide_*) run+=("arch=$work/$name.json") ;;
        distilled_1m)
            run+=("arch=$work/fair_1m.json")
            run+=("train.distill.teacher=[exp/v1-7_bc_resnet1_0, exp/v1-7_bc_resnet1_1, exp/v1-7_bc_resnet1_2]")
            ;;
        mixednet) run+=(arch=conf/v1_7/mixednet.json) ;;
        *) run+=("arch=$name") ;;
    esac
    run+=("$@")
    if timed "$id" audionas train "${run[@]}" && timed "$id" audionas eval "exp/v1-7_$id" --data data/v1-7/dev; then
        echo "done $id"
    else
        echo "FAILED $id: see $work/$id.txt"
    fi
}
export -f one timed search wide known finished

if [ "${1:-}" = list ]; then
    jobs | while read -r name seed; do
        if finished "${name}_$seed"; then echo "done ${name}_$seed"; else echo "     ${name}_$seed"; fi
    done
    exit
fi
mkdir -p $work
if [ "${1:-}" = one ]; then
    shift
    one "$@"
    exit
fi
if ! mkdir $work/lock 2>/dev/null && kill -0 "$(cat $work/lock/pid 2>/dev/null || echo none)" 2>/dev/null; then
    echo "study.sh: process $(cat $work/lock/pid) is at it already" >&2
    exit 1
fi
echo $$ >$work/lock/pid
trap 'rm -rf $work/lock' EXIT
for _ in 1 2 3; do # what waits for others comes in the next round
    jobs | xargs -P "${1:-1}" -L 1 bash -c 'one "$0" "$1"'
done
