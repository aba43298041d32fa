#!/usr/bin/env bash
# All ranking studies, then their table: local/rank.sh [SEED]. Run it again to resume; two may run at once.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. ./path.sh

seed=${1:-0}
studies=(fair_nas spos_updates spos_passes mix2 mix2_plain mix4 mix4_plain scarlet scarlet_plain)
for study in "${studies[@]}"; do
  audionas rank "conf/rank_$study.yaml" name="rank_${study}_$seed" seed="$seed" threads=1 --resume
done
python local/rank_table.py exp/rank_*_"$seed"
