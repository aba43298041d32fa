#!/usr/bin/env bash
# The tables of local/claim.sh, of what is finished: a network counts with the seeds of which it has all five folds.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. ./path.sh

runs=()
against=()
for network in alternating square time frequency smallest nasc soft; do
    for seed in 0 1 2; do
        found=()
        for fold in 1 2 3 4 5; do
            exp=exp/${network}_fold${fold}_$seed
            if [ -f "$exp/cost.json" ]; then found+=("$exp"); fi
        done
        if [ ${#found[@]} -eq 5 ]; then runs+=("${found[@]}"); fi
    done
    if [[ $network != @(smallest|nasc|soft) && "${runs[*]}" == *"/${network}_fold"* ]]; then
        against+=(--against "$network")
    fi
done
if [ ${#runs[@]} -eq 0 ]; then
    echo "$0: no network has all five folds yet" >&2
    exit 1
fi
runs+=(--name "{network}_fold{fold}_{seed}" --pool seed=spread)
audionas table "${runs[@]}" --pool fold=clips --columns macro_f1,accuracy,log_loss,macro_log_loss,params,macs \
    "${against[@]}" --metric macro_f1 --margin 3
echo "Made devices: means over folds and seeds"
audionas table "${runs[@]}" --pool fold=mean --eval eval/shifted.json --columns macro_f1,log_loss,by.device.*.accuracy
