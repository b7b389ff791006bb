#compdef sm
# zsh completion for sm: made by `sm completion zsh`
@TABLES@

_sm_complete() { # SOURCE
  local -a values
  case "$1" in
    '='*) values=(${=1#=}); compadd -a values ;;
    files) _files ;;
    directories) _files -/ ;;
    @*)
      values=("${(@f)$("${words[1]}" completion values "${1#@}" "${common[@]}" 2>/dev/null)}")
      values=("${(@)values:#}")
      compadd -a values ;;
  esac
}

_sm() {
  local at='' flag='' takes='' word isCommand=1 argument=0 index
  local -a common reply
  for ((index = 2; index < CURRENT; index++)); do
    word=${words[index]}
    if [[ -n $flag ]]; then
      [[ $flag == --*-dir || $flag == --server ]] && common+=("$flag" "$word")
      flag=''
    elif [[ $word == --*=* ]]; then :
    elif [[ $word == -* ]]; then
      _sm_flag_value "$at $word" && flag=$word takes=${reply[1]}
    elif ((isCommand)) && _sm_next "$at${at:+ }$word"; then at+="${at:+ }$word"
    else isCommand=0; ((argument++))
    fi
  done
  if [[ -n $flag ]]; then _sm_complete "$takes"
  elif [[ $PREFIX == --*=* ]]; then
    _sm_flag_value "$at ${PREFIX%%=*}" || return 1
    takes=${reply[1]}
    compset -P '*='
    _sm_complete "$takes"
  elif [[ $PREFIX == -* ]]; then
    _sm_flags "$at"
    _describe -o option reply
  else
    local found=1
    if ((isCommand)) && _sm_next "$at" && ((${#reply} > 0)); then _describe command reply && found=0; fi
    if ((found)) && _sm_argument "$at $argument"; then _sm_complete "${reply[1]}"; fi
  fi
}

# Sourced, it is made known; as a file of fpath, it is run for the first completion.
if [[ "${funcstack[1]}" == _sm ]]; then _sm "$@"; else compdef _sm sm; fi
