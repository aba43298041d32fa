#!/usr/bin/env bash
# The tables of local/claim.sh, of what is finished: a network and seed without all five folds has no figures.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. ./path.sh

runs=("exp/*_fold[1-5]_*" --name "{network}_fold{fold}_{seed}" --pool fold=clips --pool seed=spread)
against=()
for network in alternating square time frequency; do
    if compgen -G "exp/${network}_fold*" >/dev/null; then against+=(--against "$network"); fi
done
audionas table "${runs[@]}" --columns macro_f1,accuracy,log_loss,macro_log_loss,params,macs \
    "${against[@]}" --metric macro_f1 --margin 3
echo "Made devices: means over folds and seeds"
audionas table "${runs[@]/fold=clips/fold=mean}" --eval eval/shifted.json --columns \
    "macro_f1,log_loss,by.device.*.accuracy"
