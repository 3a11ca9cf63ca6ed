# Ends a test run that can no longer end itself. $1 is the run's folder. Standard input is a pipe of which the test runner holds
# the only other end: reading it ends when the runner does, even by SIGKILL.
trap '' HUP INT TERM
while read -r _; do :; done

round=0
while [ "$round" -lt 100 ]; do
    inside=$(find /proc/[0-9]*/cwd -maxdepth 0 -lname "$1/*" 2>/dev/null)
    [ -n "$inside" ] || break
    for link in $inside; do
        pid=${link#/proc/}
        pid=${pid%/cwd}
        name=
        read -r name 2>/dev/null <"/proc/$pid/comm"
        # SIGQUIT lets PostgreSQL give back its shared memory, which outlives a SIGKILL. It gets two seconds for that.
        if [ "$name" = postgres ] && [ "$round" -lt 20 ]; then
            kill -CONT "$pid" 2>/dev/null
            [ "$round" -gt 0 ] || kill -QUIT "$pid" 2>/dev/null
        else
            kill -KILL "$pid" 2>/dev/null
        fi
    done
    sleep 0.1
    round=$((round + 1))
done
rm -rf "$1"
