# shellcheck shell=bash
# Prints the steps of a script, the minutes of each, and its minutes of processor time. Source it:
#
#   . scripts/lib/steps.sh
#   step "format"                     # ends the step before it
#   end_step                          # before a script with steps of its own
#
# It prints a table at the end of the script, even if a step fails. If another script with steps
# starts this one, the steps are added to the table of the first script.

step_name=
step_begin=0
step_cpu=0

step() { # NAME
    local cpu
    end_step
    step_name=$*
    step_begin=$(date +%s)
    cpu_seconds
    step_cpu=$cpu
    printf '\n== %s\n' "$step_name"
}

end_step() {
    [ -n "$step_name" ] || return 0
    local seconds=$(($(date +%s) - step_begin)) cpu
    cpu_seconds
    cpu=$((cpu - step_cpu))
    printf '== %s: %s min, %s min of processor time\n' "$step_name" "$(minutes "$seconds")" "$(minutes "$cpu")"
    printf '%s\t%s\t%s\n' "$seconds" "$cpu" "$step_name" >>"$STEPS"
    step_name=
}

# Sets $cpu to the processor time of all ended children. `times` in a subshell would print the time of the subshell.
cpu_seconds() {
    times >"$STEPS.times"
    cpu=$(awk -F'[ms ]+' 'NR == 2 { printf "%d", ($1 + $3) * 60 + $2 + $4 }' "$STEPS.times")
}

minutes() { printf '%d:%02d' $(($1 / 60)) $(($1 % 60)); }

print_steps() {
    local seconds cpu name sum=0 cpu_sum=0
    printf '\n| minutes | of processor time | step |\n| ---: | ---: | --- |\n'
    while IFS=$'\t' read -r seconds cpu name; do
        printf '| %s | %s | %s |\n' "$(minutes "$seconds")" "$(minutes "$cpu")" "$name"
        sum=$((sum + seconds))
        cpu_sum=$((cpu_sum + cpu))
    done <"$STEPS"
    printf '| %s | %s | sum |\n' "$(minutes "$sum")" "$(minutes "$cpu_sum")"
}

if [ -z "${STEPS:-}" ]; then
    STEPS=$(mktemp)
    export STEPS
    trap 'end_step; print_steps; rm -f "$STEPS" "$STEPS.times"' EXIT
else
    trap end_step EXIT
fi
