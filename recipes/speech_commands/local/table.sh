#!/usr/bin/env bash
# Every run of the README's table, two at a time on one thread each. Run it again to resume.
set -euo pipefail
cd "$(dirname "$0")/.."
. ./path.sh

# one network with one seed: search it unless it is hand-made, train, evaluate, export
one() {
    local name=$1 conf=$2 seed=$3 id=$1_$3
    mkdir -p exp/log
    {
        if [ "$conf" = base ]; then
            audionas train conf/base.yaml "arch=$name" "name=$id" "seed=$seed" threads=1 --resume
        else
            audionas search "conf/$conf.yaml" "name=$id" "seed=$seed" threads=1 --resume
            audionas train "conf/$conf.yaml" "name=$id" "seed=$seed" threads=1 --resume
        fi
        [ -f "exp/$id/eval.json" ] || audionas eval "exp/$id" --data data/test
        [ -f "exp/$id/export/report.json" ] || audionas export "exp/$id" --data data/test
    } >"exp/log/$id.txt" 2>&1 && echo "done $id" || echo "FAILED $id: see exp/log/$id.txt"
}
export -f one

jobs() {
    for seed in 0 1 2; do
        printf '%s base %s\n' tc_resnet8 $seed bc_resnet1 $seed ds_cnn_s $seed
        printf '%s %s %s\n' tc_small tc_small $seed mb_small mb_small $seed
    done
    for seed in 0 1 2; do
        printf '%s %s %s\n' tc tc $seed mb mb $seed
        printf '%s base %s\n' tc_resnet14_w1_5 $seed
    done
}
jobs | OMP_NUM_THREADS=1 xargs -P 2 -L 1 bash -c 'one "$0" "$1" "$2"'
# latencies last, one after the other: nothing else in this script runs meanwhile
for report in exp/*_[0-9]/export/report.json; do
    folder=$(dirname "$(dirname "$report")")
    audionas cost "$folder" --latency --json >"$folder/cost.json"
done
audionas table "exp/*_[0-9]" --name "{network}_{seed}" --pool seed=spread --against tc_resnet8 --against bc_resnet1 \
    --columns dev,accuracy,params,macs,latency_us,search_s,train_s
audionas table "exp/*_[0-9]" --name "{network}_{seed}" --columns accuracy
