# fish completion for sm: made by `sm completion fish`

# Answers with the command on the line, the number of its arguments, and the flags that say where the agent is.
function __sm_walk
    set -l at ''
    set -l flag ''
    set -l arguments 0
    set -l is_command 1
    set -l common
    for word in (commandline -opc)[2..-1]
        if test -n "$flag"
            string match -qr -- '^--(.*-dir|server)$' "$flag"; and set -a common $flag $word
            set flag ''
        else if string match -q -- '--*=*' "$word"
        else if string match -q -- '-*' "$word"
            __sm_takes "$at $word"; and set flag $word
        else if test $is_command = 1; and __sm_knows (string trim -- "$at $word")
            set at (string trim -- "$at $word")
        else
            set is_command 0
            set arguments (math $arguments + 1)
        end
    end
    printf '%s\n' "$at" $arguments $common
end

function __sm_in
    set -l walked (__sm_walk)
    test "$walked[1]" = "$argv[1]"
end

function __sm_at
    set -l walked (__sm_walk)
    test "$walked[1]" = "$argv[1]"; and test "$walked[2]" = "$argv[2]"
end

function __sm_values
    set -l walked (__sm_walk)
    set -l program (commandline -opc)[1]
    command $program completion values $argv[1] $walked[3..-1] 2>/dev/null
end

complete -c sm -e
complete -c sm -f
function __sm_knows
    contains -- "$argv[1]" '' 'connect' 'repset' 'repset show' 'run'
end
function __sm_takes
    contains -- "$argv[1]" 'connect --mirror' 'run --home' 'run --state-dir'
end
complete -c sm -n '__sm_at \'\' 0' -a connect -d 'Connect a set'
complete -c sm -n '__sm_at \'\' 0' -a repset -d 'Sets: make \'them\'.'
complete -c sm -n '__sm_at \'\' 0' -a run -d 'Run a file'
complete -c sm -n '__sm_in \'\'' -l help -d 'show the help'
complete -c sm -n '__sm_at \'connect\' 0' -a '(__sm_values sets)'
complete -c sm -n '__sm_at \'connect\' 1' -a '(__sm_values peers)'
complete -c sm -n '__sm_in \'connect\'' -l mirror -x -a 'full difference' -d 'what mirror does'
complete -c sm -n '__sm_in \'connect\'' -l size -d 'what size does'
complete -c sm -n '__sm_in \'connect\'' -l no-size -d 'not: what size does'
complete -c sm -n '__sm_in \'connect\'' -l help -d 'show the help'
complete -c sm -n '__sm_at \'repset\' 0' -a show -d 'Show a set'
complete -c sm -n '__sm_in \'repset\'' -l help -d 'show the help'
complete -c sm -n '__sm_at \'repset show\' 0' -a '(__sm_values sets)'
complete -c sm -n '__sm_in \'repset show\'' -l json -d 'what json does'
complete -c sm -n '__sm_in \'repset show\'' -l help -d 'show the help'
complete -c sm -n '__sm_at \'run\' 0' -F
complete -c sm -n '__sm_in \'run\'' -l home -x -a '(__fish_complete_directories)' -d 'what home does'
complete -c sm -n '__sm_in \'run\'' -l state-dir -x -a '(__fish_complete_directories)' -d 'what state-dir does'
complete -c sm -n '__sm_in \'run\'' -l help -d 'show the help'
