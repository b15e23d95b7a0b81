# shellcheck shell=bash
# Prints the steps of a script, and the minutes of each. Source it:
#
#   . scripts/lib/steps.sh
#   step "format"                     # ends the step before it
#   end_step                          # before a script with steps of its own
#
# It prints a table at the end of the script, even if a step fails. If another script with steps
# starts this one, the steps are added to the table of the first script.

step_name=
step_begin=0

step() { # NAME
    end_step
    step_name=$*
    step_begin=$(date +%s)
    printf '\n== %s\n' "$step_name"
}

end_step() {
    [ -n "$step_name" ] || return 0
    local seconds=$(($(date +%s) - step_begin))
    printf '== %s: %s min\n' "$step_name" "$(minutes "$seconds")"
    printf '%s\t%s\n' "$seconds" "$step_name" >>"$STEPS"
    step_name=
}

minutes() { printf '%d:%02d' $(($1 / 60)) $(($1 % 60)); }

print_steps() {
    local seconds name sum=0
    printf '\n| minutes | step |\n| ---: | --- |\n'
    while IFS=$'\t' read -r seconds name; do
        printf '| %s | %s |\n' "$(minutes "$seconds")" "$name"
        sum=$((sum + seconds))
    done <"$STEPS"
    printf '| %s | sum |\n' "$(minutes "$sum")"
}

if [ -z "${STEPS:-}" ]; then
    STEPS=$(mktemp)
    export STEPS
    trap 'end_step; print_steps; rm -f "$STEPS"' EXIT
else
    trap end_step EXIT
fi
