# SPDX-License-Identifier: MIT
# Completion of rdna1-trace for bash: what --help lists, so that it is that of the version installed.

# The help of a command; "run" is the help of all.
_rdna1_trace_help() {
	case $2 in
	run) "$1" --help ;;
	*) "$1" "$2" --help ;;
	esac 2>/dev/null
}

_rdna1_trace() {
	local tool=${COMP_WORDS[0]} word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command=run i commands
	COMPREPLY=()
	commands=$("$tool" --help 2>/dev/null | sed -n 's/^\(usage:\)\{0,1\} *rdna1-trace \[\{0,1\}\([a-z]*\)\]\{0,1\} .*/\2/p' | sort -u)
	if [ "$COMP_CWORD" -gt 1 ]; then
		for i in $commands; do
			[ "${COMP_WORDS[1]}" != "$i" ] || command=$i
		done
	fi
	# Behind -- stands a command and its arguments.
	if [ "$command" = run ]; then
		for ((i = 1; i < COMP_CWORD; i++)); do
			[ "${COMP_WORDS[i]}" = -- ] || continue
			if declare -F _command_offset >/dev/null; then
				_command_offset $((i + 1))
			elif [ $((i + 1)) = "$COMP_CWORD" ]; then
				mapfile -t COMPREPLY < <(compgen -c -- "$word")
			else
				mapfile -t COMPREPLY < <(compgen -f -- "$word")
			fi
			return
		done
	fi
	case $before in
	-p | --pid)
		mapfile -t COMPREPLY < <(cd /proc && compgen -W "$(echo [0-9]*)" -- "$word")
		return
		;;
	esac
	case $word in
	-*)
		mapfile -t COMPREPLY < <(compgen -W "$(_rdna1_trace_help "$tool" "$command" |
			sed -n 's/^ \{2,6\}\(-[a-zA-Z], \)\{0,1\}\(--[a-z-]*\).*/\2/p' | sort -u)" -- "$word")
		;;
	*)
		mapfile -t COMPREPLY < <(
			[ "$COMP_CWORD" != 1 ] || compgen -W "$commands" -- "$word"
			compgen -f -- "$word"
		)
		;;
	esac
}
complete -o filenames -F _rdna1_trace rdna1-trace
