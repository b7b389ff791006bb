# bash completion for sm: made by `sm completion bash`
@TABLES@

_sm_complete() { # SOURCE WORD: fills COMPREPLY
  local source=$1 word=$2 value values
  case "$source" in
    '='*) COMPREPLY=($(compgen -W "${source#=}" -- "$word")) ;;
    files) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
    directories) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$word") ;;
    @*)
      mapfile -t values < <("$program" completion values "${source#@}" "${common[@]}" 2>/dev/null)
      for value in "${values[@]}"; do
        [[ $value == "$word"* ]] && COMPREPLY+=("$(printf '%q' "$value")")
      done ;;
  esac
}

_sm() {
  local program=$1 cur=${COMP_WORDS[COMP_CWORD]} at='' flag='' takes='' argument=0 index word isCommand=1
  local -a common=()
  COMPREPLY=()
  for ((index = 1; index < COMP_CWORD; index++)); do
    word=${COMP_WORDS[index]}
    if [[ $word == = ]]; then continue; fi
    if [[ -n $flag ]]; then
      # What says where the agent is holds for the values that it is asked for, too.
      [[ $flag == --*-dir || $flag == --server ]] && common+=("$flag" "$word")
      flag=''
    elif [[ $word == --*=* ]]; then :
    elif [[ $word == -* ]]; then
      _sm_flag_value "$at $word" && flag=$word takes=$REPLY
    elif ((isCommand)) && _sm_next "$at${at:+ }$word"; then at+="${at:+ }$word"
    else isCommand=0; ((argument++))
    fi
  done
  [[ $cur == = ]] && cur=''
  if [[ -n $flag ]]; then _sm_complete "$takes" "$cur"
  elif [[ $cur == -* ]]; then
    _sm_flags "$at"
    COMPREPLY=($(compgen -W "$REPLY" -- "$cur"))
  else
    if ((isCommand)) && _sm_next "$at" && [[ -n $REPLY ]]; then COMPREPLY=($(compgen -W "$REPLY" -- "$cur")); fi
    if ((${#COMPREPLY[@]} == 0)) && _sm_argument "$at $argument"; then _sm_complete "$REPLY" "$cur"; fi
  fi
}

complete -F _sm sm
