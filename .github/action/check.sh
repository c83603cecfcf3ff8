#!/usr/bin/env bash
# Runs `howdeep check $ARGS`. It ends with 0 and leaves the exit code to a later step, so that the
# answer can be made a comment first.
set -uo pipefail

# Files by names that hold for this step; a step's summary is appended to.
body="$RUNNER_TEMP/howdeep-check.md"
junit="$RUNNER_TEMP/howdeep-check.xml"
errors="$RUNNER_TEMP/howdeep-check.err"
rm -f "$body" "$junit" "$errors"

# Quotes in ARGS group words; nothing in it is run.
words=$(python -c 'import shlex, sys; print(*shlex.split(sys.stdin.read()), sep="\n")' <<<"$ARGS") || {
  echo "::error title=howdeep::args cannot be split into words: a quote is not closed"
  exit 2
}
args=()
while IFS= read -r word; do
  [ -z "$word" ] || args+=("$word")
done <<<"$words"

# What is printed holds names from other people's files: none of it may be taken for a command of
# the workflow. Annotations come on standard error, and are handed on below.
token="howdeep-$RANDOM$RANDOM$RANDOM$RANDOM"
echo "::stop-commands::$token"
{
  howdeep check --markdown "$GITHUB_STEP_SUMMARY" --markdown "$body" --junit "$junit" \
    --annotations ${args[@]+"${args[@]}"} 2>&1 1>&3 | tee "$errors" >&2
  code=${PIPESTATUS[0]}
} 3>&1
echo "::$token::"
grep -E '^::(error|warning|notice) title=howdeep' "$errors"

# Without an answer an earlier comment would still tell the last one.
if [ ! -s "$body" ]; then
  # The last line of its own is the error; those before it tell what is being measured.
  reason=$([ "$code" = 2 ] && grep '^howdeep check: ' "$errors" | tail -n 1)
  reason=${reason:-its log says why}
  printf '%s\n' '<!-- howdeep check -->' '# howdeep check' '' 'The check could not run:' '' \
    "    $reason" | tee -a "$GITHUB_STEP_SUMMARY" >"$body"
  echo "::error title=howdeep::the check could not run: ${reason//%/%25}"
fi

{
  echo "exit-code=$code"
  echo "markdown=$body"
  echo "junit=$junit"
} >>"$GITHUB_OUTPUT"
