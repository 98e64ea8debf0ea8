# What all stand-ins do first: note how they were called in the folder $STAND_IN, take their whole input into the file
# $STAND_IN_INPUT, and hang where $STAND_IN_MODE says so.
call="$STAND_IN/calls/$(date +%s%N)-$$"
mkdir -p "$call" "$STAND_IN/items"
printf '%s\0' "$(basename "$0")" "$@" >"$call/argv"
env -0 >"$call/environment"
STAND_IN_INPUT="$call/stdin"
cat >"$STAND_IN_INPUT"
case $STAND_IN_MODE in
  hanging) trap '' TERM INT HUP; sleep 60 & echo $! >>"$STAND_IN/left"; wait ;;
esac
