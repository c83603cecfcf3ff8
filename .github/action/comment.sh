#!/usr/bin/env bash
# Writes the file $BODY as a comment of pull request $PULL_REQUEST, in place of the one that an
# earlier run wrote: that begins with the same line.
set -uo pipefail

comments="repos/$GITHUB_REPOSITORY/issues/$PULL_REQUEST/comments"
ours="select(.user.login == \"github-actions[bot]\")"
marked="select(.body | startswith(\"$(head -n 1 "$BODY")\"))"

unable() {
  echo "::notice title=howdeep::no comment was written, as the workflow's token may not (it needs" \
    "pull-requests write, and has it never on a fork's pull request); the summary has the answer"
  exit 0
}

found=$(gh api --paginate "$comments" --jq ".[] | $ours | $marked | .id") || unable
first=${found%%$'\n'*}
if [ -n "$first" ]; then
  gh api --silent --method PATCH "repos/$GITHUB_REPOSITORY/issues/comments/$first" \
    --field "body=@$BODY" || unable
else
  gh api --silent --method POST "$comments" --field "body=@$BODY" || unable
fi
