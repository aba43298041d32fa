# Reads the command line of a recipe into its shell variables. Source it, do not run it.
#
# A recipe sets its defaults, and a help_message if it likes, and then sources this file:
#
#   stage=0
#   download=false
#   help_message="Usage: ./run.sh [--stage N] [--download true|false]"
#   . ../parse_options.sh
#
# `--some-name v` and `--some-name=v` set the variable some_name, which must have been set before; if
# that is true or false, only these two are accepted, and `true` may be left out at the end, before another
# option and before KEY=VALUE. The file of `--config FILE` is sourced before the options are read, so options
# override it. `--help` prints help_message. `--` ends the options, as does the first word without dashes. The remaining words stay in "$@".
#
# Names in this file begin with an underscore, which no option can, so none hides a variable of the recipe.

_options_fail() {
  echo "${0##*/}: $1" >&2
  echo "See: $0 --help" >&2
  exit 1
}

# The variables that look like options: set, lower case.
_options_known() {
  compgen -v | grep -x '[a-z][a-z0-9_]*' | grep -vx 'help_message' | tr _ - | sort
}

# Options like the unknown one: one begins with the other, or with its first two letters.
_options_near() {
  local _name
  for _name in $(_options_known); do
    if [[ $_name == "$1"* || $1 == "$_name"* || $_name == "${1:0:2}"* ]]; then
      printf ' --%s' "$_name"
    fi
  done
}

# Set option $1 to $2.
_options_set() {
  local _variable=${1//-/_} _near
  if [[ ! $1 =~ ^[a-z][a-z0-9-]*$ || $1 == help-message || -z ${!_variable+set} ]]; then
    _near=$(_options_near "$1")
    _options_fail "unknown option --$1.${_near:+ Did you mean:$_near?}"
  fi
  [[ $# -eq 2 ]] || _options_fail "--$1 needs a value"
  if [[ ${!_variable} == true || ${!_variable} == false ]] && [[ $2 != true && $2 != false ]]; then
    _options_fail "--$1 $2: expected true or false"
  fi
  printf -v "$_variable" '%s' "$2"
}

# Whether option $1 is true or false, so that it needs no value.
_options_switch() {
  local _variable=${1//-/_}
  [[ $1 =~ ^[a-z][a-z0-9-]*$ ]] && [[ ${!_variable-} == true || ${!_variable-} == false ]]
}

_options_source() {
  [[ -f $1 ]] || _options_fail "--config $1: no such file"
  case $1 in
    */*) . "$1" ;;
    *) . "./$1" ;; # without a slash, PATH would be searched
  esac
}

_options_words=("$@")
for ((_index = 0; _index < ${#_options_words[@]}; _index++)); do
  case ${_options_words[_index]} in
    --config) _options_source "${_options_words[_index + 1]-}" ;;
    --config=*) _options_source "${_options_words[_index]#--config=}" ;;
    --) break ;;
  esac
done

while [[ ${1-} == -* ]]; do
  case $1 in
    --help | -h)
      printf '%s\n' "${help_message:-No help for $0. Its options:$(_options_near '')}"
      exit 0
      ;;
    --) shift; break ;;
    --config=*) shift ;;
    --*=*)
      _index=${1%%=*}
      _options_set "${_index#--}" "${1#*=}"
      shift
      ;;
    --*)
      if [[ $# -lt 2 || $2 == --* || $2 =~ ^[a-z_.]+= ]] && _options_switch "${1#--}"; then
        _options_set "${1#--}" true
        shift
        continue
      fi
      if [[ $# -lt 2 || $2 == --* ]]; then
        _options_set "${1#--}" # fails with the reason: the unknown name or the missing value
      fi
      [[ $1 == --config ]] || _options_set "${1#--}" "$2"
      shift 2
      ;;
    *) _options_fail "unknown option $1: options begin with two dashes" ;;
  esac
done

unset -f _options_fail _options_known _options_near _options_set _options_switch _options_source
unset _options_words _index
