# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_dispatchctl_global_optspecs
    string join \n config= store= o/output= q/quiet v/verbose color= log-format= test-mode utc settings= h/help V/version
end

function __fish_dispatchctl_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_dispatchctl_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_dispatchctl_using_subcommand
    set -l cmd (__fish_dispatchctl_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c dispatchctl -n "__fish_dispatchctl_needs_command" -l config -d 'Configuration file' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_needs_command" -l store -d 'Store, e.g. sqlite:/var/lib/dispatchctl/dispatchctl.db' -r
complete -c dispatchctl -n "__fish_dispatchctl_needs_command" -s o -l output -d 'Form of results [default: table]' -r -f -a "table\t'Tables on a terminal, plain aligned text in a pipe'
json\t'One document'
csv\t'Comma-separated, one header line'
html\t'One page, of a report alone'"
complete -c dispatchctl -n "__fish_dispatchctl_needs_command" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c dispatchctl -n "__fish_dispatchctl_needs_command" -l log-format -d 'Form of log lines on stderr' -r -f -a "text\t'For people'
json\t'One object a line'"
complete -c dispatchctl -n "__fish_dispatchctl_needs_command" -l settings -d 'Whose settings decide: those in force in the store, or for this command alone its own (refused while an engine lives)' -r -f -a "in-force\t'Those that the engine put into the store'
own\t'Those of this command\'s own file and environment'"
complete -c dispatchctl -n "__fish_dispatchctl_needs_command" -s q -l quiet -d 'Print results only'
complete -c dispatchctl -n "__fish_dispatchctl_needs_command" -s v -l verbose -d 'More words in the log (-vv: even more)'
complete -c dispatchctl -n "__fish_dispatchctl_needs_command" -l test-mode -d 'Nothing leaves the machine: sandbox, test store, free ports'
complete -c dispatchctl -n "__fish_dispatchctl_needs_command" -l utc -d 'Show times in UTC'
complete -c dispatchctl -n "__fish_dispatchctl_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dispatchctl -n "__fish_dispatchctl_needs_command" -s V -l version -d 'Print version'
complete -c dispatchctl -n "__fish_dispatchctl_needs_command" -f -a "send" -d 'Dispatch a call and watch it go out'
complete -c dispatchctl -n "__fish_dispatchctl_needs_command" -f -a "serve" -d 'Run the engine with the webhook listener'
complete -c dispatchctl -n "__fish_dispatchctl_needs_command" -f -a "status" -d 'Show the engine and the open calls, or the whole story of one call'
complete -c dispatchctl -n "__fish_dispatchctl_needs_command" -f -a "ack" -d 'Take a call, in your own name or on a technician\'s behalf'
complete -c dispatchctl -n "__fish_dispatchctl_needs_command" -f -a "resolve" -d 'Say that a call is done'
complete -c dispatchctl -n "__fish_dispatchctl_needs_command" -f -a "cancel" -d 'Withdraw a call'
complete -c dispatchctl -n "__fish_dispatchctl_needs_command" -f -a "reopen" -d 'Look for somebody again, with everybody'
complete -c dispatchctl -n "__fish_dispatchctl_needs_command" -f -a "raise" -d 'Wake somebody for a call that was left for the morning'
complete -c dispatchctl -n "__fish_dispatchctl_needs_command" -f -a "seen" -d 'Tick off a call that was left for the morning, or the alert about a phone call that nobody reported: a person has seen it'
complete -c dispatchctl -n "__fish_dispatchctl_needs_command" -f -a "note" -d 'Write a line into the story of a call'
complete -c dispatchctl -n "__fish_dispatchctl_needs_command" -f -a "settle" -d 'Say what became of a text whose outcome is unknown'
complete -c dispatchctl -n "__fish_dispatchctl_needs_command" -f -a "verify-events" -d 'Compare every dispatch event with Airtable by reading back, and mend it'
complete -c dispatchctl -n "__fish_dispatchctl_needs_command" -f -a "follow-up" -d 'Show what is due, fire it by hand, or stop it'
complete -c dispatchctl -n "__fish_dispatchctl_needs_command" -f -a "recover" -d 'After a restart: find what should run and does not, and see to it'
complete -c dispatchctl -n "__fish_dispatchctl_needs_command" -f -a "alerts" -d 'Show what a person must look at, say that somebody has, or try the sinks'
complete -c dispatchctl -n "__fish_dispatchctl_needs_command" -f -a "breaker" -d 'Show senders that are not used because they fail, and use one again'
complete -c dispatchctl -n "__fish_dispatchctl_needs_command" -f -a "board" -d 'Sign somebody in to the office\'s page'
complete -c dispatchctl -n "__fish_dispatchctl_needs_command" -f -a "contacts" -d 'Show who can be told, and clear an opt-out'
complete -c dispatchctl -n "__fish_dispatchctl_needs_command" -f -a "oncall" -d 'Show who would be told, for a line and level'
complete -c dispatchctl -n "__fish_dispatchctl_needs_command" -f -a "report" -d 'List the calls of a night, those that wait to be rung back first'
complete -c dispatchctl -n "__fish_dispatchctl_needs_command" -f -a "log" -d 'Read the log, follow it, or export it'
complete -c dispatchctl -n "__fish_dispatchctl_needs_command" -f -a "store" -d 'Read the whole store, or move it to a PostgreSQL server'
complete -c dispatchctl -n "__fish_dispatchctl_needs_command" -f -a "doctor" -d 'Check configuration, store, clock, Twilio and Airtable, and say what to do'
complete -c dispatchctl -n "__fish_dispatchctl_needs_command" -f -a "init" -d 'Write a commented configuration, made for the shop\'s own base where it has one'
complete -c dispatchctl -n "__fish_dispatchctl_needs_command" -f -a "config" -d 'Show the settings and where each came from'
complete -c dispatchctl -n "__fish_dispatchctl_needs_command" -f -a "completions" -d 'Print a shell\'s completion file'
complete -c dispatchctl -n "__fish_dispatchctl_needs_command" -f -a "help" -d 'Explain a topic (exit-codes, configuration, symptoms, upgrade...) or a command'
complete -c dispatchctl -n "__fish_dispatchctl_needs_command" -f -a "man" -d 'Write the manual\'s pages'
complete -c dispatchctl -n "__fish_dispatchctl_needs_command" -f -a "demo" -d 'See it all on a temporary store: a lost answer, a kill -9, the follow-up on time'
complete -c dispatchctl -n "__fish_dispatchctl_needs_command" -f -a "sandbox" -d 'Run the fake Twilio, for your own integration tests'
complete -c dispatchctl -n "__fish_dispatchctl_needs_command" -f -a "test-reliability" -d 'Play the faults of the trade against this program, and count what was lost or doubled'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand send" -l caller -d 'The customer\'s number, as given' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand send" -l caller-name -d 'The customer\'s name' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand send" -l level -d 'Emergency level: normal, high or any configured policy; without it, by the words of the issue' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand send" -l issue -d 'What is wrong' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand send" -l address -d 'Where to go' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand send" -l call-id -d 'Your own id of the call; the same again sends nothing' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand send" -l to-number -d 'The number that the customer dialled: picks the line' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand send" -l contact -d 'Tell this contact (an id, a name or a number) in the first step' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand send" -l body -d 'Your own words in place of the template' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand send" -l json -d 'Read the call as the API\'s JSON body from a file, or - for stdin' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand send" -l wait -d 'What to wait for' -r -f -a "accepted\t'The provider has a text'
delivered\t'A text arrived'
acknowledged\t'Somebody took the call'
none\t'Nothing beyond the commit'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand send" -l timeout -d 'How long [default: 20s; 10m for delivered and acknowledged]' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand send" -l config -d 'Configuration file' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand send" -l store -d 'Store, e.g. sqlite:/var/lib/dispatchctl/dispatchctl.db' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand send" -s o -l output -d 'Form of results [default: table]' -r -f -a "table\t'Tables on a terminal, plain aligned text in a pipe'
json\t'One document'
csv\t'Comma-separated, one header line'
html\t'One page, of a report alone'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand send" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand send" -l log-format -d 'Form of log lines on stderr' -r -f -a "text\t'For people'
json\t'One object a line'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand send" -l settings -d 'Whose settings decide: those in force in the store, or for this command alone its own (refused while an engine lives)' -r -f -a "in-force\t'Those that the engine put into the store'
own\t'Those of this command\'s own file and environment'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand send" -l only -d 'Tell --contact in every step'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand send" -l stay -d 'Be the engine until the call ends'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand send" -l dry-run -d 'Show who would be told what and when; send nothing'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand send" -s q -l quiet -d 'Print results only'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand send" -s v -l verbose -d 'More words in the log (-vv: even more)'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand send" -l test-mode -d 'Nothing leaves the machine: sandbox, test store, free ports'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand send" -l utc -d 'Show times in UTC'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand send" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand send" -s V -l version -d 'Print version'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand serve" -l listen -d 'Where to listen, e.g. 127.0.0.1:3000' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand serve" -l config -d 'Configuration file' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand serve" -l store -d 'Store, e.g. sqlite:/var/lib/dispatchctl/dispatchctl.db' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand serve" -s o -l output -d 'Form of results [default: table]' -r -f -a "table\t'Tables on a terminal, plain aligned text in a pipe'
json\t'One document'
csv\t'Comma-separated, one header line'
html\t'One page, of a report alone'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand serve" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand serve" -l log-format -d 'Form of log lines on stderr' -r -f -a "text\t'For people'
json\t'One object a line'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand serve" -l settings -d 'Whose settings decide: those in force in the store, or for this command alone its own (refused while an engine lives)' -r -f -a "in-force\t'Those that the engine put into the store'
own\t'Those of this command\'s own file and environment'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand serve" -s q -l quiet -d 'Print results only'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand serve" -s v -l verbose -d 'More words in the log (-vv: even more)'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand serve" -l test-mode -d 'Nothing leaves the machine: sandbox, test store, free ports'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand serve" -l utc -d 'Show times in UTC'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand serve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand serve" -s V -l version -d 'Print version'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand status" -l state -d 'Calls in these states: a status, `open` or `all` [default: open]' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand status" -l since -d 'Calls accepted since: a duration (90s, 2h) ago, or an RFC 3339 time' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand status" -l limit -d 'At most so many calls' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand status" -l config -d 'Configuration file' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand status" -l store -d 'Store, e.g. sqlite:/var/lib/dispatchctl/dispatchctl.db' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand status" -s o -l output -d 'Form of results [default: table]' -r -f -a "table\t'Tables on a terminal, plain aligned text in a pipe'
json\t'One document'
csv\t'Comma-separated, one header line'
html\t'One page, of a report alone'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand status" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand status" -l log-format -d 'Form of log lines on stderr' -r -f -a "text\t'For people'
json\t'One object a line'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand status" -l settings -d 'Whose settings decide: those in force in the store, or for this command alone its own (refused while an engine lives)' -r -f -a "in-force\t'Those that the engine put into the store'
own\t'Those of this command\'s own file and environment'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand status" -s w -l watch -d 'Show every change until interrupted, or until nobody is looked for any more'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand status" -l refresh -d 'Ask the provider about the call\'s messages first'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand status" -s q -l quiet -d 'Print results only'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand status" -s v -l verbose -d 'More words in the log (-vv: even more)'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand status" -l test-mode -d 'Nothing leaves the machine: sandbox, test store, free ports'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand status" -l utc -d 'Show times in UTC'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand status" -s V -l version -d 'Print version'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand ack" -l by -d 'In whose name [default: the user of this system]' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand ack" -l note -d 'Why, for the log' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand ack" -l for -d 'Take it on behalf of this contact, who is then the holder' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand ack" -l config -d 'Configuration file' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand ack" -l store -d 'Store, e.g. sqlite:/var/lib/dispatchctl/dispatchctl.db' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand ack" -s o -l output -d 'Form of results [default: table]' -r -f -a "table\t'Tables on a terminal, plain aligned text in a pipe'
json\t'One document'
csv\t'Comma-separated, one header line'
html\t'One page, of a report alone'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand ack" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand ack" -l log-format -d 'Form of log lines on stderr' -r -f -a "text\t'For people'
json\t'One object a line'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand ack" -l settings -d 'Whose settings decide: those in force in the store, or for this command alone its own (refused while an engine lives)' -r -f -a "in-force\t'Those that the engine put into the store'
own\t'Those of this command\'s own file and environment'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand ack" -s q -l quiet -d 'Print results only'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand ack" -s v -l verbose -d 'More words in the log (-vv: even more)'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand ack" -l test-mode -d 'Nothing leaves the machine: sandbox, test store, free ports'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand ack" -l utc -d 'Show times in UTC'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand ack" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand ack" -s V -l version -d 'Print version'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand resolve" -l by -d 'In whose name [default: the user of this system]' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand resolve" -l note -d 'Why, for the log' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand resolve" -l config -d 'Configuration file' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand resolve" -l store -d 'Store, e.g. sqlite:/var/lib/dispatchctl/dispatchctl.db' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand resolve" -s o -l output -d 'Form of results [default: table]' -r -f -a "table\t'Tables on a terminal, plain aligned text in a pipe'
json\t'One document'
csv\t'Comma-separated, one header line'
html\t'One page, of a report alone'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand resolve" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand resolve" -l log-format -d 'Form of log lines on stderr' -r -f -a "text\t'For people'
json\t'One object a line'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand resolve" -l settings -d 'Whose settings decide: those in force in the store, or for this command alone its own (refused while an engine lives)' -r -f -a "in-force\t'Those that the engine put into the store'
own\t'Those of this command\'s own file and environment'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand resolve" -s q -l quiet -d 'Print results only'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand resolve" -s v -l verbose -d 'More words in the log (-vv: even more)'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand resolve" -l test-mode -d 'Nothing leaves the machine: sandbox, test store, free ports'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand resolve" -l utc -d 'Show times in UTC'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand resolve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand resolve" -s V -l version -d 'Print version'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand cancel" -l by -d 'In whose name [default: the user of this system]' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand cancel" -l note -d 'Why, for the log' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand cancel" -l config -d 'Configuration file' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand cancel" -l store -d 'Store, e.g. sqlite:/var/lib/dispatchctl/dispatchctl.db' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand cancel" -s o -l output -d 'Form of results [default: table]' -r -f -a "table\t'Tables on a terminal, plain aligned text in a pipe'
json\t'One document'
csv\t'Comma-separated, one header line'
html\t'One page, of a report alone'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand cancel" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand cancel" -l log-format -d 'Form of log lines on stderr' -r -f -a "text\t'For people'
json\t'One object a line'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand cancel" -l settings -d 'Whose settings decide: those in force in the store, or for this command alone its own (refused while an engine lives)' -r -f -a "in-force\t'Those that the engine put into the store'
own\t'Those of this command\'s own file and environment'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand cancel" -s q -l quiet -d 'Print results only'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand cancel" -s v -l verbose -d 'More words in the log (-vv: even more)'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand cancel" -l test-mode -d 'Nothing leaves the machine: sandbox, test store, free ports'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand cancel" -l utc -d 'Show times in UTC'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand cancel" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand cancel" -s V -l version -d 'Print version'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand reopen" -l by -d 'In whose name [default: the user of this system]' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand reopen" -l note -d 'Why, for the log' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand reopen" -l config -d 'Configuration file' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand reopen" -l store -d 'Store, e.g. sqlite:/var/lib/dispatchctl/dispatchctl.db' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand reopen" -s o -l output -d 'Form of results [default: table]' -r -f -a "table\t'Tables on a terminal, plain aligned text in a pipe'
json\t'One document'
csv\t'Comma-separated, one header line'
html\t'One page, of a report alone'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand reopen" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand reopen" -l log-format -d 'Form of log lines on stderr' -r -f -a "text\t'For people'
json\t'One object a line'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand reopen" -l settings -d 'Whose settings decide: those in force in the store, or for this command alone its own (refused while an engine lives)' -r -f -a "in-force\t'Those that the engine put into the store'
own\t'Those of this command\'s own file and environment'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand reopen" -s q -l quiet -d 'Print results only'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand reopen" -s v -l verbose -d 'More words in the log (-vv: even more)'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand reopen" -l test-mode -d 'Nothing leaves the machine: sandbox, test store, free ports'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand reopen" -l utc -d 'Show times in UTC'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand reopen" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand reopen" -s V -l version -d 'Print version'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand raise" -l by -d 'In whose name [default: the user of this system]' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand raise" -l note -d 'Why, for the log' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand raise" -l level -d 'The level whose ladder begins [default: normal]' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand raise" -l config -d 'Configuration file' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand raise" -l store -d 'Store, e.g. sqlite:/var/lib/dispatchctl/dispatchctl.db' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand raise" -s o -l output -d 'Form of results [default: table]' -r -f -a "table\t'Tables on a terminal, plain aligned text in a pipe'
json\t'One document'
csv\t'Comma-separated, one header line'
html\t'One page, of a report alone'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand raise" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand raise" -l log-format -d 'Form of log lines on stderr' -r -f -a "text\t'For people'
json\t'One object a line'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand raise" -l settings -d 'Whose settings decide: those in force in the store, or for this command alone its own (refused while an engine lives)' -r -f -a "in-force\t'Those that the engine put into the store'
own\t'Those of this command\'s own file and environment'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand raise" -s q -l quiet -d 'Print results only'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand raise" -s v -l verbose -d 'More words in the log (-vv: even more)'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand raise" -l test-mode -d 'Nothing leaves the machine: sandbox, test store, free ports'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand raise" -l utc -d 'Show times in UTC'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand raise" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand raise" -s V -l version -d 'Print version'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand seen" -l by -d 'In whose name [default: the user of this system]' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand seen" -l note -d 'Why, for the log' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand seen" -l config -d 'Configuration file' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand seen" -l store -d 'Store, e.g. sqlite:/var/lib/dispatchctl/dispatchctl.db' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand seen" -s o -l output -d 'Form of results [default: table]' -r -f -a "table\t'Tables on a terminal, plain aligned text in a pipe'
json\t'One document'
csv\t'Comma-separated, one header line'
html\t'One page, of a report alone'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand seen" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand seen" -l log-format -d 'Form of log lines on stderr' -r -f -a "text\t'For people'
json\t'One object a line'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand seen" -l settings -d 'Whose settings decide: those in force in the store, or for this command alone its own (refused while an engine lives)' -r -f -a "in-force\t'Those that the engine put into the store'
own\t'Those of this command\'s own file and environment'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand seen" -s q -l quiet -d 'Print results only'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand seen" -s v -l verbose -d 'More words in the log (-vv: even more)'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand seen" -l test-mode -d 'Nothing leaves the machine: sandbox, test store, free ports'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand seen" -l utc -d 'Show times in UTC'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand seen" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand seen" -s V -l version -d 'Print version'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand note" -l by -d 'In whose name [default: the user of this system]' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand note" -l config -d 'Configuration file' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand note" -l store -d 'Store, e.g. sqlite:/var/lib/dispatchctl/dispatchctl.db' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand note" -s o -l output -d 'Form of results [default: table]' -r -f -a "table\t'Tables on a terminal, plain aligned text in a pipe'
json\t'One document'
csv\t'Comma-separated, one header line'
html\t'One page, of a report alone'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand note" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand note" -l log-format -d 'Form of log lines on stderr' -r -f -a "text\t'For people'
json\t'One object a line'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand note" -l settings -d 'Whose settings decide: those in force in the store, or for this command alone its own (refused while an engine lives)' -r -f -a "in-force\t'Those that the engine put into the store'
own\t'Those of this command\'s own file and environment'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand note" -l text -d 'Also text it to whoever has the call, else to everybody who was told of it and did not pass'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand note" -s q -l quiet -d 'Print results only'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand note" -s v -l verbose -d 'More words in the log (-vv: even more)'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand note" -l test-mode -d 'Nothing leaves the machine: sandbox, test store, free ports'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand note" -l utc -d 'Show times in UTC'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand note" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand note" -s V -l version -d 'Print version'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand settle" -l sent -d 'The provider has it: this is its message; its status is followed from now on' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand settle" -l by -d 'In whose name [default: the user of this system]' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand settle" -l note -d 'Why, for the log' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand settle" -l config -d 'Configuration file' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand settle" -l store -d 'Store, e.g. sqlite:/var/lib/dispatchctl/dispatchctl.db' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand settle" -s o -l output -d 'Form of results [default: table]' -r -f -a "table\t'Tables on a terminal, plain aligned text in a pipe'
json\t'One document'
csv\t'Comma-separated, one header line'
html\t'One page, of a report alone'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand settle" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand settle" -l log-format -d 'Form of log lines on stderr' -r -f -a "text\t'For people'
json\t'One object a line'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand settle" -l settings -d 'Whose settings decide: those in force in the store, or for this command alone its own (refused while an engine lives)' -r -f -a "in-force\t'Those that the engine put into the store'
own\t'Those of this command\'s own file and environment'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand settle" -l not-sent -d 'The provider does not have it: somebody else is told now, where a step names one'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand settle" -l resend -d 'The provider does not have it: send it once more now, if the call still wants it'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand settle" -s q -l quiet -d 'Print results only'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand settle" -s v -l verbose -d 'More words in the log (-vv: even more)'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand settle" -l test-mode -d 'Nothing leaves the machine: sandbox, test store, free ports'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand settle" -l utc -d 'Show times in UTC'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand settle" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand settle" -s V -l version -d 'Print version'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand verify-events" -l since -d 'Texts from then on: a duration (90s, 2h) ago, or an RFC 3339 time [default: all]' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand verify-events" -l call -d 'Of this call (its id, a message SID or a reference)' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand verify-events" -l config -d 'Configuration file' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand verify-events" -l store -d 'Store, e.g. sqlite:/var/lib/dispatchctl/dispatchctl.db' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand verify-events" -s o -l output -d 'Form of results [default: table]' -r -f -a "table\t'Tables on a terminal, plain aligned text in a pipe'
json\t'One document'
csv\t'Comma-separated, one header line'
html\t'One page, of a report alone'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand verify-events" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand verify-events" -l log-format -d 'Form of log lines on stderr' -r -f -a "text\t'For people'
json\t'One object a line'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand verify-events" -l settings -d 'Whose settings decide: those in force in the store, or for this command alone its own (refused while an engine lives)' -r -f -a "in-force\t'Those that the engine put into the store'
own\t'Those of this command\'s own file and environment'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand verify-events" -l repair -d 'Write what is missing or differs, and delete twins but the oldest'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand verify-events" -s q -l quiet -d 'Print results only'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand verify-events" -s v -l verbose -d 'More words in the log (-vv: even more)'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand verify-events" -l test-mode -d 'Nothing leaves the machine: sandbox, test store, free ports'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand verify-events" -l utc -d 'Show times in UTC'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand verify-events" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand verify-events" -s V -l version -d 'Print version'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand follow-up; and not __fish_seen_subcommand_from list run cancel" -l config -d 'Configuration file' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand follow-up; and not __fish_seen_subcommand_from list run cancel" -l store -d 'Store, e.g. sqlite:/var/lib/dispatchctl/dispatchctl.db' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand follow-up; and not __fish_seen_subcommand_from list run cancel" -s o -l output -d 'Form of results [default: table]' -r -f -a "table\t'Tables on a terminal, plain aligned text in a pipe'
json\t'One document'
csv\t'Comma-separated, one header line'
html\t'One page, of a report alone'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand follow-up; and not __fish_seen_subcommand_from list run cancel" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand follow-up; and not __fish_seen_subcommand_from list run cancel" -l log-format -d 'Form of log lines on stderr' -r -f -a "text\t'For people'
json\t'One object a line'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand follow-up; and not __fish_seen_subcommand_from list run cancel" -l settings -d 'Whose settings decide: those in force in the store, or for this command alone its own (refused while an engine lives)' -r -f -a "in-force\t'Those that the engine put into the store'
own\t'Those of this command\'s own file and environment'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand follow-up; and not __fish_seen_subcommand_from list run cancel" -s q -l quiet -d 'Print results only'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand follow-up; and not __fish_seen_subcommand_from list run cancel" -s v -l verbose -d 'More words in the log (-vv: even more)'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand follow-up; and not __fish_seen_subcommand_from list run cancel" -l test-mode -d 'Nothing leaves the machine: sandbox, test store, free ports'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand follow-up; and not __fish_seen_subcommand_from list run cancel" -l utc -d 'Show times in UTC'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand follow-up; and not __fish_seen_subcommand_from list run cancel" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand follow-up; and not __fish_seen_subcommand_from list run cancel" -s V -l version -d 'Print version'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand follow-up; and not __fish_seen_subcommand_from list run cancel" -f -a "list" -d 'Show the follow-ups that are still to come, the earliest first'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand follow-up; and not __fish_seen_subcommand_from list run cancel" -f -a "run" -d 'Fire now; cannot double what the engine does'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand follow-up; and not __fish_seen_subcommand_from list run cancel" -f -a "cancel" -d 'Tell nobody else of a call but the last resort; it is EXHAUSTED after its time, with an alert, unless somebody takes it'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand follow-up; and __fish_seen_subcommand_from list" -l limit -d 'At most so many' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand follow-up; and __fish_seen_subcommand_from list" -l config -d 'Configuration file' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand follow-up; and __fish_seen_subcommand_from list" -l store -d 'Store, e.g. sqlite:/var/lib/dispatchctl/dispatchctl.db' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand follow-up; and __fish_seen_subcommand_from list" -s o -l output -d 'Form of results [default: table]' -r -f -a "table\t'Tables on a terminal, plain aligned text in a pipe'
json\t'One document'
csv\t'Comma-separated, one header line'
html\t'One page, of a report alone'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand follow-up; and __fish_seen_subcommand_from list" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand follow-up; and __fish_seen_subcommand_from list" -l log-format -d 'Form of log lines on stderr' -r -f -a "text\t'For people'
json\t'One object a line'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand follow-up; and __fish_seen_subcommand_from list" -l settings -d 'Whose settings decide: those in force in the store, or for this command alone its own (refused while an engine lives)' -r -f -a "in-force\t'Those that the engine put into the store'
own\t'Those of this command\'s own file and environment'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand follow-up; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print results only'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand follow-up; and __fish_seen_subcommand_from list" -s v -l verbose -d 'More words in the log (-vv: even more)'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand follow-up; and __fish_seen_subcommand_from list" -l test-mode -d 'Nothing leaves the machine: sandbox, test store, free ports'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand follow-up; and __fish_seen_subcommand_from list" -l utc -d 'Show times in UTC'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand follow-up; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand follow-up; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand follow-up; and __fish_seen_subcommand_from run" -l call -d 'The next step of this call, due or not (its id, a message SID or a reference)' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand follow-up; and __fish_seen_subcommand_from run" -l step -d 'This step of its round in place of the next one; steps before it that are not due are skipped' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand follow-up; and __fish_seen_subcommand_from run" -l by -d 'In whose name [default: the user of this system]' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand follow-up; and __fish_seen_subcommand_from run" -l config -d 'Configuration file' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand follow-up; and __fish_seen_subcommand_from run" -l store -d 'Store, e.g. sqlite:/var/lib/dispatchctl/dispatchctl.db' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand follow-up; and __fish_seen_subcommand_from run" -s o -l output -d 'Form of results [default: table]' -r -f -a "table\t'Tables on a terminal, plain aligned text in a pipe'
json\t'One document'
csv\t'Comma-separated, one header line'
html\t'One page, of a report alone'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand follow-up; and __fish_seen_subcommand_from run" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand follow-up; and __fish_seen_subcommand_from run" -l log-format -d 'Form of log lines on stderr' -r -f -a "text\t'For people'
json\t'One object a line'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand follow-up; and __fish_seen_subcommand_from run" -l settings -d 'Whose settings decide: those in force in the store, or for this command alone its own (refused while an engine lives)' -r -f -a "in-force\t'Those that the engine put into the store'
own\t'Those of this command\'s own file and environment'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand follow-up; and __fish_seen_subcommand_from run" -l missed -d 'Everything whose time went by while nobody fired it'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand follow-up; and __fish_seen_subcommand_from run" -l all-due -d 'Everything that is due now'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand follow-up; and __fish_seen_subcommand_from run" -s q -l quiet -d 'Print results only'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand follow-up; and __fish_seen_subcommand_from run" -s v -l verbose -d 'More words in the log (-vv: even more)'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand follow-up; and __fish_seen_subcommand_from run" -l test-mode -d 'Nothing leaves the machine: sandbox, test store, free ports'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand follow-up; and __fish_seen_subcommand_from run" -l utc -d 'Show times in UTC'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand follow-up; and __fish_seen_subcommand_from run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand follow-up; and __fish_seen_subcommand_from run" -s V -l version -d 'Print version'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand follow-up; and __fish_seen_subcommand_from cancel" -l call -d 'The call: its id, a message SID or a reference' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand follow-up; and __fish_seen_subcommand_from cancel" -l by -d 'In whose name [default: the user of this system]' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand follow-up; and __fish_seen_subcommand_from cancel" -l note -d 'Why, for the log' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand follow-up; and __fish_seen_subcommand_from cancel" -l config -d 'Configuration file' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand follow-up; and __fish_seen_subcommand_from cancel" -l store -d 'Store, e.g. sqlite:/var/lib/dispatchctl/dispatchctl.db' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand follow-up; and __fish_seen_subcommand_from cancel" -s o -l output -d 'Form of results [default: table]' -r -f -a "table\t'Tables on a terminal, plain aligned text in a pipe'
json\t'One document'
csv\t'Comma-separated, one header line'
html\t'One page, of a report alone'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand follow-up; and __fish_seen_subcommand_from cancel" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand follow-up; and __fish_seen_subcommand_from cancel" -l log-format -d 'Form of log lines on stderr' -r -f -a "text\t'For people'
json\t'One object a line'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand follow-up; and __fish_seen_subcommand_from cancel" -l settings -d 'Whose settings decide: those in force in the store, or for this command alone its own (refused while an engine lives)' -r -f -a "in-force\t'Those that the engine put into the store'
own\t'Those of this command\'s own file and environment'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand follow-up; and __fish_seen_subcommand_from cancel" -s q -l quiet -d 'Print results only'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand follow-up; and __fish_seen_subcommand_from cancel" -s v -l verbose -d 'More words in the log (-vv: even more)'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand follow-up; and __fish_seen_subcommand_from cancel" -l test-mode -d 'Nothing leaves the machine: sandbox, test store, free ports'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand follow-up; and __fish_seen_subcommand_from cancel" -l utc -d 'Show times in UTC'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand follow-up; and __fish_seen_subcommand_from cancel" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand follow-up; and __fish_seen_subcommand_from cancel" -s V -l version -d 'Print version'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand recover" -l older-than -d 'Calls whose last dispatch event is older go on at once, younger ones when they are this old' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand recover" -l config -d 'Configuration file' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand recover" -l store -d 'Store, e.g. sqlite:/var/lib/dispatchctl/dispatchctl.db' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand recover" -s o -l output -d 'Form of results [default: table]' -r -f -a "table\t'Tables on a terminal, plain aligned text in a pipe'
json\t'One document'
csv\t'Comma-separated, one header line'
html\t'One page, of a report alone'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand recover" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand recover" -l log-format -d 'Form of log lines on stderr' -r -f -a "text\t'For people'
json\t'One object a line'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand recover" -l settings -d 'Whose settings decide: those in force in the store, or for this command alone its own (refused while an engine lives)' -r -f -a "in-force\t'Those that the engine put into the store'
own\t'Those of this command\'s own file and environment'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand recover" -l dry-run -d 'Print the plan and do nothing'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand recover" -l from-airtable -d 'After a lost disk, or from another system: rebuild the calls that are DISPATCHING in Airtable'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand recover" -l yes -d 'Do not ask: no other engine and no old system runs'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand recover" -s q -l quiet -d 'Print results only'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand recover" -s v -l verbose -d 'More words in the log (-vv: even more)'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand recover" -l test-mode -d 'Nothing leaves the machine: sandbox, test store, free ports'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand recover" -l utc -d 'Show times in UTC'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand recover" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand recover" -s V -l version -d 'Print version'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand alerts; and not __fish_seen_subcommand_from list ack test" -l config -d 'Configuration file' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand alerts; and not __fish_seen_subcommand_from list ack test" -l store -d 'Store, e.g. sqlite:/var/lib/dispatchctl/dispatchctl.db' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand alerts; and not __fish_seen_subcommand_from list ack test" -s o -l output -d 'Form of results [default: table]' -r -f -a "table\t'Tables on a terminal, plain aligned text in a pipe'
json\t'One document'
csv\t'Comma-separated, one header line'
html\t'One page, of a report alone'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand alerts; and not __fish_seen_subcommand_from list ack test" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand alerts; and not __fish_seen_subcommand_from list ack test" -l log-format -d 'Form of log lines on stderr' -r -f -a "text\t'For people'
json\t'One object a line'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand alerts; and not __fish_seen_subcommand_from list ack test" -l settings -d 'Whose settings decide: those in force in the store, or for this command alone its own (refused while an engine lives)' -r -f -a "in-force\t'Those that the engine put into the store'
own\t'Those of this command\'s own file and environment'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand alerts; and not __fish_seen_subcommand_from list ack test" -s q -l quiet -d 'Print results only'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand alerts; and not __fish_seen_subcommand_from list ack test" -s v -l verbose -d 'More words in the log (-vv: even more)'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand alerts; and not __fish_seen_subcommand_from list ack test" -l test-mode -d 'Nothing leaves the machine: sandbox, test store, free ports'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand alerts; and not __fish_seen_subcommand_from list ack test" -l utc -d 'Show times in UTC'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand alerts; and not __fish_seen_subcommand_from list ack test" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand alerts; and not __fish_seen_subcommand_from list ack test" -s V -l version -d 'Print version'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand alerts; and not __fish_seen_subcommand_from list ack test" -f -a "list" -d 'Show every alert that is in force, and how each sink does (this is also done where nothing is said)'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand alerts; and not __fish_seen_subcommand_from list ack test" -f -a "ack" -d 'Say that a person has seen an alert: no sink is told of it again, but of its end'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand alerts; and not __fish_seen_subcommand_from list ack test" -f -a "test" -d 'Send a real alert through each sink, and show what it answers'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand alerts; and __fish_seen_subcommand_from list" -l config -d 'Configuration file' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand alerts; and __fish_seen_subcommand_from list" -l store -d 'Store, e.g. sqlite:/var/lib/dispatchctl/dispatchctl.db' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand alerts; and __fish_seen_subcommand_from list" -s o -l output -d 'Form of results [default: table]' -r -f -a "table\t'Tables on a terminal, plain aligned text in a pipe'
json\t'One document'
csv\t'Comma-separated, one header line'
html\t'One page, of a report alone'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand alerts; and __fish_seen_subcommand_from list" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand alerts; and __fish_seen_subcommand_from list" -l log-format -d 'Form of log lines on stderr' -r -f -a "text\t'For people'
json\t'One object a line'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand alerts; and __fish_seen_subcommand_from list" -l settings -d 'Whose settings decide: those in force in the store, or for this command alone its own (refused while an engine lives)' -r -f -a "in-force\t'Those that the engine put into the store'
own\t'Those of this command\'s own file and environment'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand alerts; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print results only'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand alerts; and __fish_seen_subcommand_from list" -s v -l verbose -d 'More words in the log (-vv: even more)'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand alerts; and __fish_seen_subcommand_from list" -l test-mode -d 'Nothing leaves the machine: sandbox, test store, free ports'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand alerts; and __fish_seen_subcommand_from list" -l utc -d 'Show times in UTC'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand alerts; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand alerts; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand alerts; and __fish_seen_subcommand_from ack" -l by -d 'In whose name [default: the user of this system]' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand alerts; and __fish_seen_subcommand_from ack" -l config -d 'Configuration file' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand alerts; and __fish_seen_subcommand_from ack" -l store -d 'Store, e.g. sqlite:/var/lib/dispatchctl/dispatchctl.db' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand alerts; and __fish_seen_subcommand_from ack" -s o -l output -d 'Form of results [default: table]' -r -f -a "table\t'Tables on a terminal, plain aligned text in a pipe'
json\t'One document'
csv\t'Comma-separated, one header line'
html\t'One page, of a report alone'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand alerts; and __fish_seen_subcommand_from ack" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand alerts; and __fish_seen_subcommand_from ack" -l log-format -d 'Form of log lines on stderr' -r -f -a "text\t'For people'
json\t'One object a line'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand alerts; and __fish_seen_subcommand_from ack" -l settings -d 'Whose settings decide: those in force in the store, or for this command alone its own (refused while an engine lives)' -r -f -a "in-force\t'Those that the engine put into the store'
own\t'Those of this command\'s own file and environment'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand alerts; and __fish_seen_subcommand_from ack" -s q -l quiet -d 'Print results only'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand alerts; and __fish_seen_subcommand_from ack" -s v -l verbose -d 'More words in the log (-vv: even more)'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand alerts; and __fish_seen_subcommand_from ack" -l test-mode -d 'Nothing leaves the machine: sandbox, test store, free ports'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand alerts; and __fish_seen_subcommand_from ack" -l utc -d 'Show times in UTC'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand alerts; and __fish_seen_subcommand_from ack" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand alerts; and __fish_seen_subcommand_from ack" -s V -l version -d 'Print version'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand alerts; and __fish_seen_subcommand_from test" -l by -d 'In whose name [default: the user of this system]' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand alerts; and __fish_seen_subcommand_from test" -l config -d 'Configuration file' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand alerts; and __fish_seen_subcommand_from test" -l store -d 'Store, e.g. sqlite:/var/lib/dispatchctl/dispatchctl.db' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand alerts; and __fish_seen_subcommand_from test" -s o -l output -d 'Form of results [default: table]' -r -f -a "table\t'Tables on a terminal, plain aligned text in a pipe'
json\t'One document'
csv\t'Comma-separated, one header line'
html\t'One page, of a report alone'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand alerts; and __fish_seen_subcommand_from test" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand alerts; and __fish_seen_subcommand_from test" -l log-format -d 'Form of log lines on stderr' -r -f -a "text\t'For people'
json\t'One object a line'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand alerts; and __fish_seen_subcommand_from test" -l settings -d 'Whose settings decide: those in force in the store, or for this command alone its own (refused while an engine lives)' -r -f -a "in-force\t'Those that the engine put into the store'
own\t'Those of this command\'s own file and environment'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand alerts; and __fish_seen_subcommand_from test" -s q -l quiet -d 'Print results only'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand alerts; and __fish_seen_subcommand_from test" -s v -l verbose -d 'More words in the log (-vv: even more)'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand alerts; and __fish_seen_subcommand_from test" -l test-mode -d 'Nothing leaves the machine: sandbox, test store, free ports'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand alerts; and __fish_seen_subcommand_from test" -l utc -d 'Show times in UTC'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand alerts; and __fish_seen_subcommand_from test" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand alerts; and __fish_seen_subcommand_from test" -s V -l version -d 'Print version'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand breaker; and not __fish_seen_subcommand_from list close" -l config -d 'Configuration file' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand breaker; and not __fish_seen_subcommand_from list close" -l store -d 'Store, e.g. sqlite:/var/lib/dispatchctl/dispatchctl.db' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand breaker; and not __fish_seen_subcommand_from list close" -s o -l output -d 'Form of results [default: table]' -r -f -a "table\t'Tables on a terminal, plain aligned text in a pipe'
json\t'One document'
csv\t'Comma-separated, one header line'
html\t'One page, of a report alone'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand breaker; and not __fish_seen_subcommand_from list close" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand breaker; and not __fish_seen_subcommand_from list close" -l log-format -d 'Form of log lines on stderr' -r -f -a "text\t'For people'
json\t'One object a line'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand breaker; and not __fish_seen_subcommand_from list close" -l settings -d 'Whose settings decide: those in force in the store, or for this command alone its own (refused while an engine lives)' -r -f -a "in-force\t'Those that the engine put into the store'
own\t'Those of this command\'s own file and environment'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand breaker; and not __fish_seen_subcommand_from list close" -s q -l quiet -d 'Print results only'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand breaker; and not __fish_seen_subcommand_from list close" -s v -l verbose -d 'More words in the log (-vv: even more)'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand breaker; and not __fish_seen_subcommand_from list close" -l test-mode -d 'Nothing leaves the machine: sandbox, test store, free ports'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand breaker; and not __fish_seen_subcommand_from list close" -l utc -d 'Show times in UTC'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand breaker; and not __fish_seen_subcommand_from list close" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand breaker; and not __fish_seen_subcommand_from list close" -s V -l version -d 'Print version'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand breaker; and not __fish_seen_subcommand_from list close" -f -a "list" -d 'Show every sender whose breaker is open, or was'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand breaker; and not __fish_seen_subcommand_from list close" -f -a "close" -d 'Use a sender again: notices that wait for it go at once, other texts within a minute'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand breaker; and __fish_seen_subcommand_from list" -l config -d 'Configuration file' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand breaker; and __fish_seen_subcommand_from list" -l store -d 'Store, e.g. sqlite:/var/lib/dispatchctl/dispatchctl.db' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand breaker; and __fish_seen_subcommand_from list" -s o -l output -d 'Form of results [default: table]' -r -f -a "table\t'Tables on a terminal, plain aligned text in a pipe'
json\t'One document'
csv\t'Comma-separated, one header line'
html\t'One page, of a report alone'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand breaker; and __fish_seen_subcommand_from list" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand breaker; and __fish_seen_subcommand_from list" -l log-format -d 'Form of log lines on stderr' -r -f -a "text\t'For people'
json\t'One object a line'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand breaker; and __fish_seen_subcommand_from list" -l settings -d 'Whose settings decide: those in force in the store, or for this command alone its own (refused while an engine lives)' -r -f -a "in-force\t'Those that the engine put into the store'
own\t'Those of this command\'s own file and environment'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand breaker; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print results only'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand breaker; and __fish_seen_subcommand_from list" -s v -l verbose -d 'More words in the log (-vv: even more)'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand breaker; and __fish_seen_subcommand_from list" -l test-mode -d 'Nothing leaves the machine: sandbox, test store, free ports'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand breaker; and __fish_seen_subcommand_from list" -l utc -d 'Show times in UTC'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand breaker; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand breaker; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand breaker; and __fish_seen_subcommand_from close" -l by -d 'In whose name [default: the user of this system]' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand breaker; and __fish_seen_subcommand_from close" -l config -d 'Configuration file' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand breaker; and __fish_seen_subcommand_from close" -l store -d 'Store, e.g. sqlite:/var/lib/dispatchctl/dispatchctl.db' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand breaker; and __fish_seen_subcommand_from close" -s o -l output -d 'Form of results [default: table]' -r -f -a "table\t'Tables on a terminal, plain aligned text in a pipe'
json\t'One document'
csv\t'Comma-separated, one header line'
html\t'One page, of a report alone'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand breaker; and __fish_seen_subcommand_from close" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand breaker; and __fish_seen_subcommand_from close" -l log-format -d 'Form of log lines on stderr' -r -f -a "text\t'For people'
json\t'One object a line'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand breaker; and __fish_seen_subcommand_from close" -l settings -d 'Whose settings decide: those in force in the store, or for this command alone its own (refused while an engine lives)' -r -f -a "in-force\t'Those that the engine put into the store'
own\t'Those of this command\'s own file and environment'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand breaker; and __fish_seen_subcommand_from close" -s q -l quiet -d 'Print results only'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand breaker; and __fish_seen_subcommand_from close" -s v -l verbose -d 'More words in the log (-vv: even more)'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand breaker; and __fish_seen_subcommand_from close" -l test-mode -d 'Nothing leaves the machine: sandbox, test store, free ports'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand breaker; and __fish_seen_subcommand_from close" -l utc -d 'Show times in UTC'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand breaker; and __fish_seen_subcommand_from close" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand breaker; and __fish_seen_subcommand_from close" -s V -l version -d 'Print version'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand board; and not __fish_seen_subcommand_from link" -l config -d 'Configuration file' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand board; and not __fish_seen_subcommand_from link" -l store -d 'Store, e.g. sqlite:/var/lib/dispatchctl/dispatchctl.db' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand board; and not __fish_seen_subcommand_from link" -s o -l output -d 'Form of results [default: table]' -r -f -a "table\t'Tables on a terminal, plain aligned text in a pipe'
json\t'One document'
csv\t'Comma-separated, one header line'
html\t'One page, of a report alone'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand board; and not __fish_seen_subcommand_from link" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand board; and not __fish_seen_subcommand_from link" -l log-format -d 'Form of log lines on stderr' -r -f -a "text\t'For people'
json\t'One object a line'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand board; and not __fish_seen_subcommand_from link" -l settings -d 'Whose settings decide: those in force in the store, or for this command alone its own (refused while an engine lives)' -r -f -a "in-force\t'Those that the engine put into the store'
own\t'Those of this command\'s own file and environment'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand board; and not __fish_seen_subcommand_from link" -s q -l quiet -d 'Print results only'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand board; and not __fish_seen_subcommand_from link" -s v -l verbose -d 'More words in the log (-vv: even more)'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand board; and not __fish_seen_subcommand_from link" -l test-mode -d 'Nothing leaves the machine: sandbox, test store, free ports'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand board; and not __fish_seen_subcommand_from link" -l utc -d 'Show times in UTC'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand board; and not __fish_seen_subcommand_from link" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand board; and not __fish_seen_subcommand_from link" -s V -l version -d 'Print version'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand board; and not __fish_seen_subcommand_from link" -f -a "link" -d 'Make a link that signs in to the office\'s page once, within 15 minutes'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand board; and __fish_seen_subcommand_from link" -l config -d 'Configuration file' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand board; and __fish_seen_subcommand_from link" -l store -d 'Store, e.g. sqlite:/var/lib/dispatchctl/dispatchctl.db' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand board; and __fish_seen_subcommand_from link" -s o -l output -d 'Form of results [default: table]' -r -f -a "table\t'Tables on a terminal, plain aligned text in a pipe'
json\t'One document'
csv\t'Comma-separated, one header line'
html\t'One page, of a report alone'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand board; and __fish_seen_subcommand_from link" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand board; and __fish_seen_subcommand_from link" -l log-format -d 'Form of log lines on stderr' -r -f -a "text\t'For people'
json\t'One object a line'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand board; and __fish_seen_subcommand_from link" -l settings -d 'Whose settings decide: those in force in the store, or for this command alone its own (refused while an engine lives)' -r -f -a "in-force\t'Those that the engine put into the store'
own\t'Those of this command\'s own file and environment'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand board; and __fish_seen_subcommand_from link" -l qr -d 'Also draw it for a phone\'s camera'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand board; and __fish_seen_subcommand_from link" -s q -l quiet -d 'Print results only'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand board; and __fish_seen_subcommand_from link" -s v -l verbose -d 'More words in the log (-vv: even more)'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand board; and __fish_seen_subcommand_from link" -l test-mode -d 'Nothing leaves the machine: sandbox, test store, free ports'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand board; and __fish_seen_subcommand_from link" -l utc -d 'Show times in UTC'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand board; and __fish_seen_subcommand_from link" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand board; and __fish_seen_subcommand_from link" -s V -l version -d 'Print version'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand contacts; and not __fish_seen_subcommand_from card list clear" -l config -d 'Configuration file' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand contacts; and not __fish_seen_subcommand_from card list clear" -l store -d 'Store, e.g. sqlite:/var/lib/dispatchctl/dispatchctl.db' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand contacts; and not __fish_seen_subcommand_from card list clear" -s o -l output -d 'Form of results [default: table]' -r -f -a "table\t'Tables on a terminal, plain aligned text in a pipe'
json\t'One document'
csv\t'Comma-separated, one header line'
html\t'One page, of a report alone'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand contacts; and not __fish_seen_subcommand_from card list clear" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand contacts; and not __fish_seen_subcommand_from card list clear" -l log-format -d 'Form of log lines on stderr' -r -f -a "text\t'For people'
json\t'One object a line'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand contacts; and not __fish_seen_subcommand_from card list clear" -l settings -d 'Whose settings decide: those in force in the store, or for this command alone its own (refused while an engine lives)' -r -f -a "in-force\t'Those that the engine put into the store'
own\t'Those of this command\'s own file and environment'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand contacts; and not __fish_seen_subcommand_from card list clear" -s q -l quiet -d 'Print results only'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand contacts; and not __fish_seen_subcommand_from card list clear" -s v -l verbose -d 'More words in the log (-vv: even more)'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand contacts; and not __fish_seen_subcommand_from card list clear" -l test-mode -d 'Nothing leaves the machine: sandbox, test store, free ports'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand contacts; and not __fish_seen_subcommand_from card list clear" -l utc -d 'Show times in UTC'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand contacts; and not __fish_seen_subcommand_from card list clear" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand contacts; and not __fish_seen_subcommand_from card list clear" -s V -l version -d 'Print version'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand contacts; and not __fish_seen_subcommand_from card list clear" -f -a "card" -d 'Write a contact card of the numbers that we text and call from: saved, the phone rings at night'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand contacts; and not __fish_seen_subcommand_from card list clear" -f -a "list" -d 'Show every contact with its roles, and who has opted out'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand contacts; and not __fish_seen_subcommand_from card list clear" -f -a "clear" -d 'Clear an opt-out in our books, once the contact has texted START'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand contacts; and __fish_seen_subcommand_from card" -l out -d 'Write it into this file [default: print it]' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand contacts; and __fish_seen_subcommand_from card" -l config -d 'Configuration file' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand contacts; and __fish_seen_subcommand_from card" -l store -d 'Store, e.g. sqlite:/var/lib/dispatchctl/dispatchctl.db' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand contacts; and __fish_seen_subcommand_from card" -s o -l output -d 'Form of results [default: table]' -r -f -a "table\t'Tables on a terminal, plain aligned text in a pipe'
json\t'One document'
csv\t'Comma-separated, one header line'
html\t'One page, of a report alone'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand contacts; and __fish_seen_subcommand_from card" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand contacts; and __fish_seen_subcommand_from card" -l log-format -d 'Form of log lines on stderr' -r -f -a "text\t'For people'
json\t'One object a line'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand contacts; and __fish_seen_subcommand_from card" -l settings -d 'Whose settings decide: those in force in the store, or for this command alone its own (refused while an engine lives)' -r -f -a "in-force\t'Those that the engine put into the store'
own\t'Those of this command\'s own file and environment'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand contacts; and __fish_seen_subcommand_from card" -s q -l quiet -d 'Print results only'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand contacts; and __fish_seen_subcommand_from card" -s v -l verbose -d 'More words in the log (-vv: even more)'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand contacts; and __fish_seen_subcommand_from card" -l test-mode -d 'Nothing leaves the machine: sandbox, test store, free ports'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand contacts; and __fish_seen_subcommand_from card" -l utc -d 'Show times in UTC'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand contacts; and __fish_seen_subcommand_from card" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand contacts; and __fish_seen_subcommand_from card" -s V -l version -d 'Print version'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand contacts; and __fish_seen_subcommand_from list" -l config -d 'Configuration file' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand contacts; and __fish_seen_subcommand_from list" -l store -d 'Store, e.g. sqlite:/var/lib/dispatchctl/dispatchctl.db' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand contacts; and __fish_seen_subcommand_from list" -s o -l output -d 'Form of results [default: table]' -r -f -a "table\t'Tables on a terminal, plain aligned text in a pipe'
json\t'One document'
csv\t'Comma-separated, one header line'
html\t'One page, of a report alone'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand contacts; and __fish_seen_subcommand_from list" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand contacts; and __fish_seen_subcommand_from list" -l log-format -d 'Form of log lines on stderr' -r -f -a "text\t'For people'
json\t'One object a line'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand contacts; and __fish_seen_subcommand_from list" -l settings -d 'Whose settings decide: those in force in the store, or for this command alone its own (refused while an engine lives)' -r -f -a "in-force\t'Those that the engine put into the store'
own\t'Those of this command\'s own file and environment'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand contacts; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print results only'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand contacts; and __fish_seen_subcommand_from list" -s v -l verbose -d 'More words in the log (-vv: even more)'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand contacts; and __fish_seen_subcommand_from list" -l test-mode -d 'Nothing leaves the machine: sandbox, test store, free ports'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand contacts; and __fish_seen_subcommand_from list" -l utc -d 'Show times in UTC'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand contacts; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand contacts; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand contacts; and __fish_seen_subcommand_from clear" -l by -d 'In whose name [default: the user of this system]' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand contacts; and __fish_seen_subcommand_from clear" -l config -d 'Configuration file' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand contacts; and __fish_seen_subcommand_from clear" -l store -d 'Store, e.g. sqlite:/var/lib/dispatchctl/dispatchctl.db' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand contacts; and __fish_seen_subcommand_from clear" -s o -l output -d 'Form of results [default: table]' -r -f -a "table\t'Tables on a terminal, plain aligned text in a pipe'
json\t'One document'
csv\t'Comma-separated, one header line'
html\t'One page, of a report alone'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand contacts; and __fish_seen_subcommand_from clear" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand contacts; and __fish_seen_subcommand_from clear" -l log-format -d 'Form of log lines on stderr' -r -f -a "text\t'For people'
json\t'One object a line'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand contacts; and __fish_seen_subcommand_from clear" -l settings -d 'Whose settings decide: those in force in the store, or for this command alone its own (refused while an engine lives)' -r -f -a "in-force\t'Those that the engine put into the store'
own\t'Those of this command\'s own file and environment'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand contacts; and __fish_seen_subcommand_from clear" -s q -l quiet -d 'Print results only'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand contacts; and __fish_seen_subcommand_from clear" -s v -l verbose -d 'More words in the log (-vv: even more)'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand contacts; and __fish_seen_subcommand_from clear" -l test-mode -d 'Nothing leaves the machine: sandbox, test store, free ports'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand contacts; and __fish_seen_subcommand_from clear" -l utc -d 'Show times in UTC'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand contacts; and __fish_seen_subcommand_from clear" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand contacts; and __fish_seen_subcommand_from clear" -s V -l version -d 'Print version'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and not __fish_seen_subcommand_from override away withdraw overrides accept-calendar feed roll-call check" -l line -d 'The number that customers dial [default: the shop\'s own line]' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and not __fish_seen_subcommand_from override away withdraw overrides accept-calendar feed roll-call check" -l level -d 'Emergency level' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and not __fish_seen_subcommand_from override away withdraw overrides accept-calendar feed roll-call check" -l at -d 'As of this RFC 3339 time [default: now]' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and not __fish_seen_subcommand_from override away withdraw overrides accept-calendar feed roll-call check" -l role -d 'Only this role [default: those of the ladder]' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and not __fish_seen_subcommand_from override away withdraw overrides accept-calendar feed roll-call check" -l from -d 'List who is on call from this time on: 17:00, 2026-11-28, or RFC 3339' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and not __fish_seen_subcommand_from override away withdraw overrides accept-calendar feed roll-call check" -l until -d 'The list ends at this time [default: a week later]' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and not __fish_seen_subcommand_from override away withdraw overrides accept-calendar feed roll-call check" -l config -d 'Configuration file' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and not __fish_seen_subcommand_from override away withdraw overrides accept-calendar feed roll-call check" -l store -d 'Store, e.g. sqlite:/var/lib/dispatchctl/dispatchctl.db' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and not __fish_seen_subcommand_from override away withdraw overrides accept-calendar feed roll-call check" -s o -l output -d 'Form of results [default: table]' -r -f -a "table\t'Tables on a terminal, plain aligned text in a pipe'
json\t'One document'
csv\t'Comma-separated, one header line'
html\t'One page, of a report alone'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and not __fish_seen_subcommand_from override away withdraw overrides accept-calendar feed roll-call check" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and not __fish_seen_subcommand_from override away withdraw overrides accept-calendar feed roll-call check" -l log-format -d 'Form of log lines on stderr' -r -f -a "text\t'For people'
json\t'One object a line'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and not __fish_seen_subcommand_from override away withdraw overrides accept-calendar feed roll-call check" -l settings -d 'Whose settings decide: those in force in the store, or for this command alone its own (refused while an engine lives)' -r -f -a "in-force\t'Those that the engine put into the store'
own\t'Those of this command\'s own file and environment'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and not __fish_seen_subcommand_from override away withdraw overrides accept-calendar feed roll-call check" -s q -l quiet -d 'Print results only'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and not __fish_seen_subcommand_from override away withdraw overrides accept-calendar feed roll-call check" -s v -l verbose -d 'More words in the log (-vv: even more)'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and not __fish_seen_subcommand_from override away withdraw overrides accept-calendar feed roll-call check" -l test-mode -d 'Nothing leaves the machine: sandbox, test store, free ports'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and not __fish_seen_subcommand_from override away withdraw overrides accept-calendar feed roll-call check" -l utc -d 'Show times in UTC'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and not __fish_seen_subcommand_from override away withdraw overrides accept-calendar feed roll-call check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and not __fish_seen_subcommand_from override away withdraw overrides accept-calendar feed roll-call check" -s V -l version -d 'Print version'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and not __fish_seen_subcommand_from override away withdraw overrides accept-calendar feed roll-call check" -f -a "override" -d 'Let somebody hold a rotation or a role for a time'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and not __fish_seen_subcommand_from override away withdraw overrides accept-calendar feed roll-call check" -f -a "away" -d 'Let somebody hold nothing for a time: the next in turn does'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and not __fish_seen_subcommand_from override away withdraw overrides accept-calendar feed roll-call check" -f -a "withdraw" -d 'Take an exception back'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and not __fish_seen_subcommand_from override away withdraw overrides accept-calendar feed roll-call check" -f -a "overrides" -d 'List the exceptions that are not over'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and not __fish_seen_subcommand_from override away withdraw overrides accept-calendar feed roll-call check" -f -a "accept-calendar" -d 'Take a calendar that lost most of its shifts, and was not taken for that'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and not __fish_seen_subcommand_from override away withdraw overrides accept-calendar feed roll-call check" -f -a "feed" -d 'Print the address at which calendar programs read who is on call'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and not __fish_seen_subcommand_from override away withdraw overrides accept-calendar feed roll-call check" -f -a "roll-call" -d 'List who was asked whether they are on call, and who answered; exit 1 where somebody did not'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and not __fish_seen_subcommand_from override away withdraw overrides accept-calendar feed roll-call check" -f -a "check" -d 'Look for gaps ahead; exit 1 where there is one'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from override" -l who -d 'Who holds it then' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from override" -l kind -d 'In place of whoever it would be (take), or besides (add)' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from override" -l role -d 'Instead of a rotation: this role of a line' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from override" -l line -d 'With --role: the number that customers dial [default: the shop\'s own line]' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from override" -l from -d 'From when: now, tonight, 17:00, 2026-11-28, "2026-11-28 17:00", or RFC 3339 [default: now]' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from override" -l until -d 'Until when: handoff, +8h, 08:00, 2026-11-29 (to its end), or RFC 3339' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from override" -l note -d 'Why, for the story' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from override" -l by -d 'In whose name [default: the user of this system]' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from override" -l config -d 'Configuration file' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from override" -l store -d 'Store, e.g. sqlite:/var/lib/dispatchctl/dispatchctl.db' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from override" -s o -l output -d 'Form of results [default: table]' -r -f -a "table\t'Tables on a terminal, plain aligned text in a pipe'
json\t'One document'
csv\t'Comma-separated, one header line'
html\t'One page, of a report alone'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from override" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from override" -l log-format -d 'Form of log lines on stderr' -r -f -a "text\t'For people'
json\t'One object a line'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from override" -l settings -d 'Whose settings decide: those in force in the store, or for this command alone its own (refused while an engine lives)' -r -f -a "in-force\t'Those that the engine put into the store'
own\t'Those of this command\'s own file and environment'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from override" -s q -l quiet -d 'Print results only'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from override" -s v -l verbose -d 'More words in the log (-vv: even more)'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from override" -l test-mode -d 'Nothing leaves the machine: sandbox, test store, free ports'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from override" -l utc -d 'Show times in UTC'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from override" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from override" -s V -l version -d 'Print version'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from away" -l rotation -d 'From this rotation alone [default: from everything]' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from away" -l from -d 'From when: now, tonight, 17:00, 2026-11-28, "2026-11-28 17:00", or RFC 3339 [default: now]' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from away" -l until -d 'Until when: handoff, +8h, 08:00, 2026-11-29 (to its end), or RFC 3339' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from away" -l note -d 'Why, for the story' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from away" -l by -d 'In whose name [default: the user of this system]' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from away" -l config -d 'Configuration file' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from away" -l store -d 'Store, e.g. sqlite:/var/lib/dispatchctl/dispatchctl.db' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from away" -s o -l output -d 'Form of results [default: table]' -r -f -a "table\t'Tables on a terminal, plain aligned text in a pipe'
json\t'One document'
csv\t'Comma-separated, one header line'
html\t'One page, of a report alone'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from away" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from away" -l log-format -d 'Form of log lines on stderr' -r -f -a "text\t'For people'
json\t'One object a line'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from away" -l settings -d 'Whose settings decide: those in force in the store, or for this command alone its own (refused while an engine lives)' -r -f -a "in-force\t'Those that the engine put into the store'
own\t'Those of this command\'s own file and environment'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from away" -s q -l quiet -d 'Print results only'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from away" -s v -l verbose -d 'More words in the log (-vv: even more)'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from away" -l test-mode -d 'Nothing leaves the machine: sandbox, test store, free ports'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from away" -l utc -d 'Show times in UTC'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from away" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from away" -s V -l version -d 'Print version'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from withdraw" -l by -d 'In whose name [default: the user of this system]' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from withdraw" -l config -d 'Configuration file' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from withdraw" -l store -d 'Store, e.g. sqlite:/var/lib/dispatchctl/dispatchctl.db' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from withdraw" -s o -l output -d 'Form of results [default: table]' -r -f -a "table\t'Tables on a terminal, plain aligned text in a pipe'
json\t'One document'
csv\t'Comma-separated, one header line'
html\t'One page, of a report alone'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from withdraw" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from withdraw" -l log-format -d 'Form of log lines on stderr' -r -f -a "text\t'For people'
json\t'One object a line'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from withdraw" -l settings -d 'Whose settings decide: those in force in the store, or for this command alone its own (refused while an engine lives)' -r -f -a "in-force\t'Those that the engine put into the store'
own\t'Those of this command\'s own file and environment'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from withdraw" -s q -l quiet -d 'Print results only'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from withdraw" -s v -l verbose -d 'More words in the log (-vv: even more)'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from withdraw" -l test-mode -d 'Nothing leaves the machine: sandbox, test store, free ports'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from withdraw" -l utc -d 'Show times in UTC'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from withdraw" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from withdraw" -s V -l version -d 'Print version'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from overrides" -l config -d 'Configuration file' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from overrides" -l store -d 'Store, e.g. sqlite:/var/lib/dispatchctl/dispatchctl.db' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from overrides" -s o -l output -d 'Form of results [default: table]' -r -f -a "table\t'Tables on a terminal, plain aligned text in a pipe'
json\t'One document'
csv\t'Comma-separated, one header line'
html\t'One page, of a report alone'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from overrides" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from overrides" -l log-format -d 'Form of log lines on stderr' -r -f -a "text\t'For people'
json\t'One object a line'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from overrides" -l settings -d 'Whose settings decide: those in force in the store, or for this command alone its own (refused while an engine lives)' -r -f -a "in-force\t'Those that the engine put into the store'
own\t'Those of this command\'s own file and environment'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from overrides" -s q -l quiet -d 'Print results only'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from overrides" -s v -l verbose -d 'More words in the log (-vv: even more)'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from overrides" -l test-mode -d 'Nothing leaves the machine: sandbox, test store, free ports'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from overrides" -l utc -d 'Show times in UTC'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from overrides" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from overrides" -s V -l version -d 'Print version'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from accept-calendar" -l by -d 'In whose name [default: the user of this system]' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from accept-calendar" -l config -d 'Configuration file' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from accept-calendar" -l store -d 'Store, e.g. sqlite:/var/lib/dispatchctl/dispatchctl.db' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from accept-calendar" -s o -l output -d 'Form of results [default: table]' -r -f -a "table\t'Tables on a terminal, plain aligned text in a pipe'
json\t'One document'
csv\t'Comma-separated, one header line'
html\t'One page, of a report alone'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from accept-calendar" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from accept-calendar" -l log-format -d 'Form of log lines on stderr' -r -f -a "text\t'For people'
json\t'One object a line'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from accept-calendar" -l settings -d 'Whose settings decide: those in force in the store, or for this command alone its own (refused while an engine lives)' -r -f -a "in-force\t'Those that the engine put into the store'
own\t'Those of this command\'s own file and environment'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from accept-calendar" -s q -l quiet -d 'Print results only'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from accept-calendar" -s v -l verbose -d 'More words in the log (-vv: even more)'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from accept-calendar" -l test-mode -d 'Nothing leaves the machine: sandbox, test store, free ports'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from accept-calendar" -l utc -d 'Show times in UTC'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from accept-calendar" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from accept-calendar" -s V -l version -d 'Print version'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from feed" -l by -d 'In whose name [default: the user of this system]' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from feed" -l config -d 'Configuration file' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from feed" -l store -d 'Store, e.g. sqlite:/var/lib/dispatchctl/dispatchctl.db' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from feed" -s o -l output -d 'Form of results [default: table]' -r -f -a "table\t'Tables on a terminal, plain aligned text in a pipe'
json\t'One document'
csv\t'Comma-separated, one header line'
html\t'One page, of a report alone'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from feed" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from feed" -l log-format -d 'Form of log lines on stderr' -r -f -a "text\t'For people'
json\t'One object a line'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from feed" -l settings -d 'Whose settings decide: those in force in the store, or for this command alone its own (refused while an engine lives)' -r -f -a "in-force\t'Those that the engine put into the store'
own\t'Those of this command\'s own file and environment'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from feed" -l renew -d 'Make a new address: the one of before shows nothing any more'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from feed" -s q -l quiet -d 'Print results only'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from feed" -s v -l verbose -d 'More words in the log (-vv: even more)'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from feed" -l test-mode -d 'Nothing leaves the machine: sandbox, test store, free ports'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from feed" -l utc -d 'Show times in UTC'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from feed" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from feed" -s V -l version -d 'Print version'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from roll-call" -l config -d 'Configuration file' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from roll-call" -l store -d 'Store, e.g. sqlite:/var/lib/dispatchctl/dispatchctl.db' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from roll-call" -s o -l output -d 'Form of results [default: table]' -r -f -a "table\t'Tables on a terminal, plain aligned text in a pipe'
json\t'One document'
csv\t'Comma-separated, one header line'
html\t'One page, of a report alone'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from roll-call" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from roll-call" -l log-format -d 'Form of log lines on stderr' -r -f -a "text\t'For people'
json\t'One object a line'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from roll-call" -l settings -d 'Whose settings decide: those in force in the store, or for this command alone its own (refused while an engine lives)' -r -f -a "in-force\t'Those that the engine put into the store'
own\t'Those of this command\'s own file and environment'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from roll-call" -s q -l quiet -d 'Print results only'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from roll-call" -s v -l verbose -d 'More words in the log (-vv: even more)'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from roll-call" -l test-mode -d 'Nothing leaves the machine: sandbox, test store, free ports'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from roll-call" -l utc -d 'Show times in UTC'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from roll-call" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from roll-call" -s V -l version -d 'Print version'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from check" -l days -d 'So many days ahead [default: [oncall] look_ahead]' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from check" -l config -d 'Configuration file' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from check" -l store -d 'Store, e.g. sqlite:/var/lib/dispatchctl/dispatchctl.db' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from check" -s o -l output -d 'Form of results [default: table]' -r -f -a "table\t'Tables on a terminal, plain aligned text in a pipe'
json\t'One document'
csv\t'Comma-separated, one header line'
html\t'One page, of a report alone'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from check" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from check" -l log-format -d 'Form of log lines on stderr' -r -f -a "text\t'For people'
json\t'One object a line'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from check" -l settings -d 'Whose settings decide: those in force in the store, or for this command alone its own (refused while an engine lives)' -r -f -a "in-force\t'Those that the engine put into the store'
own\t'Those of this command\'s own file and environment'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from check" -s q -l quiet -d 'Print results only'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from check" -s v -l verbose -d 'More words in the log (-vv: even more)'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from check" -l test-mode -d 'Nothing leaves the machine: sandbox, test store, free ports'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from check" -l utc -d 'Show times in UTC'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand oncall; and __fish_seen_subcommand_from check" -s V -l version -d 'Print version'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand report" -l night -d 'The list of the night of this evening, 17:00 to 17:00 by the line\'s clock [default: the night that it is]' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand report" -l from -d 'Calls accepted from then on instead: a duration (12h) ago, or an RFC 3339 time' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand report" -l until -l to -d 'And before then [default: now]' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand report" -l week -d 'The figures of this week, seven days up to `report.weekly` (Monday 07:00 where that is not set) [default: the newest that is over]' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand report" -l config -d 'Configuration file' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand report" -l store -d 'Store, e.g. sqlite:/var/lib/dispatchctl/dispatchctl.db' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand report" -s o -l output -d 'Form of results [default: table]' -r -f -a "table\t'Tables on a terminal, plain aligned text in a pipe'
json\t'One document'
csv\t'Comma-separated, one header line'
html\t'One page, of a report alone'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand report" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand report" -l log-format -d 'Form of log lines on stderr' -r -f -a "text\t'For people'
json\t'One object a line'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand report" -l settings -d 'Whose settings decide: those in force in the store, or for this command alone its own (refused while an engine lives)' -r -f -a "in-force\t'Those that the engine put into the store'
own\t'Those of this command\'s own file and environment'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand report" -l technicians -d 'One row a technician instead of one a call'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand report" -s q -l quiet -d 'Print results only'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand report" -s v -l verbose -d 'More words in the log (-vv: even more)'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand report" -l test-mode -d 'Nothing leaves the machine: sandbox, test store, free ports'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand report" -l utc -d 'Show times in UTC'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand report" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand report" -s V -l version -d 'Print version'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand log" -l call -d 'Of this call (its id, a message SID or a reference)' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand log" -l since -d 'From then on: a duration (90s, 2h) ago, or an RFC 3339 time' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand log" -l limit -d 'The newest so many [default: 100 for a table of all calls, else all]' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand log" -l config -d 'Configuration file' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand log" -l store -d 'Store, e.g. sqlite:/var/lib/dispatchctl/dispatchctl.db' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand log" -s o -l output -d 'Form of results [default: table]' -r -f -a "table\t'Tables on a terminal, plain aligned text in a pipe'
json\t'One document'
csv\t'Comma-separated, one header line'
html\t'One page, of a report alone'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand log" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand log" -l log-format -d 'Form of log lines on stderr' -r -f -a "text\t'For people'
json\t'One object a line'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand log" -l settings -d 'Whose settings decide: those in force in the store, or for this command alone its own (refused while an engine lives)' -r -f -a "in-force\t'Those that the engine put into the store'
own\t'Those of this command\'s own file and environment'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand log" -s f -l follow -d 'Go on with new entries until interrupted'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand log" -s q -l quiet -d 'Print results only'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand log" -s v -l verbose -d 'More words in the log (-vv: even more)'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand log" -l test-mode -d 'Nothing leaves the machine: sandbox, test store, free ports'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand log" -l utc -d 'Show times in UTC'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand log" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand log" -s V -l version -d 'Print version'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and not __fish_seen_subcommand_from check backup restore prune migrate" -l config -d 'Configuration file' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and not __fish_seen_subcommand_from check backup restore prune migrate" -l store -d 'Store, e.g. sqlite:/var/lib/dispatchctl/dispatchctl.db' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and not __fish_seen_subcommand_from check backup restore prune migrate" -s o -l output -d 'Form of results [default: table]' -r -f -a "table\t'Tables on a terminal, plain aligned text in a pipe'
json\t'One document'
csv\t'Comma-separated, one header line'
html\t'One page, of a report alone'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and not __fish_seen_subcommand_from check backup restore prune migrate" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and not __fish_seen_subcommand_from check backup restore prune migrate" -l log-format -d 'Form of log lines on stderr' -r -f -a "text\t'For people'
json\t'One object a line'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and not __fish_seen_subcommand_from check backup restore prune migrate" -l settings -d 'Whose settings decide: those in force in the store, or for this command alone its own (refused while an engine lives)' -r -f -a "in-force\t'Those that the engine put into the store'
own\t'Those of this command\'s own file and environment'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and not __fish_seen_subcommand_from check backup restore prune migrate" -s q -l quiet -d 'Print results only'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and not __fish_seen_subcommand_from check backup restore prune migrate" -s v -l verbose -d 'More words in the log (-vv: even more)'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and not __fish_seen_subcommand_from check backup restore prune migrate" -l test-mode -d 'Nothing leaves the machine: sandbox, test store, free ports'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and not __fish_seen_subcommand_from check backup restore prune migrate" -l utc -d 'Show times in UTC'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and not __fish_seen_subcommand_from check backup restore prune migrate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and not __fish_seen_subcommand_from check backup restore prune migrate" -s V -l version -d 'Print version'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and not __fish_seen_subcommand_from check backup restore prune migrate" -f -a "check" -d 'Read every row, and name what cannot be read, breaks a rule or belongs to nothing'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and not __fish_seen_subcommand_from check backup restore prune migrate" -f -a "backup" -d 'Copy the whole store to a file while the engine runs, opened and counted before it has its name'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and not __fish_seen_subcommand_from check backup restore prune migrate" -f -a "restore" -d 'Put a copy in the store\'s place: no engine may run, and what was there is kept under another name'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and not __fish_seen_subcommand_from check backup restore prune migrate" -f -a "prune" -d 'Take names, numbers, addresses and texts of calls that are over out of the store; counts, times and ids stay'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and not __fish_seen_subcommand_from check backup restore prune migrate" -f -a "migrate" -d 'Copy the store from its file into an empty PostgreSQL database, compare both, and leave the file behind'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from check" -l config -d 'Configuration file' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from check" -l store -d 'Store, e.g. sqlite:/var/lib/dispatchctl/dispatchctl.db' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from check" -s o -l output -d 'Form of results [default: table]' -r -f -a "table\t'Tables on a terminal, plain aligned text in a pipe'
json\t'One document'
csv\t'Comma-separated, one header line'
html\t'One page, of a report alone'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from check" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from check" -l log-format -d 'Form of log lines on stderr' -r -f -a "text\t'For people'
json\t'One object a line'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from check" -l settings -d 'Whose settings decide: those in force in the store, or for this command alone its own (refused while an engine lives)' -r -f -a "in-force\t'Those that the engine put into the store'
own\t'Those of this command\'s own file and environment'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from check" -s q -l quiet -d 'Print results only'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from check" -s v -l verbose -d 'More words in the log (-vv: even more)'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from check" -l test-mode -d 'Nothing leaves the machine: sandbox, test store, free ports'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from check" -l utc -d 'Show times in UTC'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from check" -s V -l version -d 'Print version'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from backup" -l config -d 'Configuration file' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from backup" -l store -d 'Store, e.g. sqlite:/var/lib/dispatchctl/dispatchctl.db' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from backup" -s o -l output -d 'Form of results [default: table]' -r -f -a "table\t'Tables on a terminal, plain aligned text in a pipe'
json\t'One document'
csv\t'Comma-separated, one header line'
html\t'One page, of a report alone'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from backup" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from backup" -l log-format -d 'Form of log lines on stderr' -r -f -a "text\t'For people'
json\t'One object a line'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from backup" -l settings -d 'Whose settings decide: those in force in the store, or for this command alone its own (refused while an engine lives)' -r -f -a "in-force\t'Those that the engine put into the store'
own\t'Those of this command\'s own file and environment'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from backup" -l force -d 'Replace a file that is there'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from backup" -s q -l quiet -d 'Print results only'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from backup" -s v -l verbose -d 'More words in the log (-vv: even more)'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from backup" -l test-mode -d 'Nothing leaves the machine: sandbox, test store, free ports'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from backup" -l utc -d 'Show times in UTC'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from backup" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from backup" -s V -l version -d 'Print version'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from restore" -l config -d 'Configuration file' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from restore" -l store -d 'Store, e.g. sqlite:/var/lib/dispatchctl/dispatchctl.db' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from restore" -s o -l output -d 'Form of results [default: table]' -r -f -a "table\t'Tables on a terminal, plain aligned text in a pipe'
json\t'One document'
csv\t'Comma-separated, one header line'
html\t'One page, of a report alone'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from restore" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from restore" -l log-format -d 'Form of log lines on stderr' -r -f -a "text\t'For people'
json\t'One object a line'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from restore" -l settings -d 'Whose settings decide: those in force in the store, or for this command alone its own (refused while an engine lives)' -r -f -a "in-force\t'Those that the engine put into the store'
own\t'Those of this command\'s own file and environment'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from restore" -l force -d 'Replace a store that is there'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from restore" -s q -l quiet -d 'Print results only'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from restore" -s v -l verbose -d 'More words in the log (-vv: even more)'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from restore" -l test-mode -d 'Nothing leaves the machine: sandbox, test store, free ports'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from restore" -l utc -d 'Show times in UTC'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from restore" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from restore" -s V -l version -d 'Print version'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from prune" -l before -d 'Those that were over before this day or time' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from prune" -l older-than -d 'Those that have been over for so long [default: store.retention]' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from prune" -l config -d 'Configuration file' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from prune" -l store -d 'Store, e.g. sqlite:/var/lib/dispatchctl/dispatchctl.db' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from prune" -s o -l output -d 'Form of results [default: table]' -r -f -a "table\t'Tables on a terminal, plain aligned text in a pipe'
json\t'One document'
csv\t'Comma-separated, one header line'
html\t'One page, of a report alone'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from prune" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from prune" -l log-format -d 'Form of log lines on stderr' -r -f -a "text\t'For people'
json\t'One object a line'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from prune" -l settings -d 'Whose settings decide: those in force in the store, or for this command alone its own (refused while an engine lives)' -r -f -a "in-force\t'Those that the engine put into the store'
own\t'Those of this command\'s own file and environment'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from prune" -l compact -d 'Write the file anew also where nothing was pruned: parts that an older version left free still hold what was in them'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from prune" -l dry-run -d 'Count and change nothing'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from prune" -s q -l quiet -d 'Print results only'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from prune" -s v -l verbose -d 'More words in the log (-vv: even more)'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from prune" -l test-mode -d 'Nothing leaves the machine: sandbox, test store, free ports'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from prune" -l utc -d 'Show times in UTC'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from prune" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from prune" -s V -l version -d 'Print version'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from migrate" -l to -d 'The database, as `store.url` names it later; its password: store.password_file or DISPATCHCTL_STORE__PASSWORD' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from migrate" -l config -d 'Configuration file' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from migrate" -l store -d 'Store, e.g. sqlite:/var/lib/dispatchctl/dispatchctl.db' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from migrate" -s o -l output -d 'Form of results [default: table]' -r -f -a "table\t'Tables on a terminal, plain aligned text in a pipe'
json\t'One document'
csv\t'Comma-separated, one header line'
html\t'One page, of a report alone'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from migrate" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from migrate" -l log-format -d 'Form of log lines on stderr' -r -f -a "text\t'For people'
json\t'One object a line'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from migrate" -l settings -d 'Whose settings decide: those in force in the store, or for this command alone its own (refused while an engine lives)' -r -f -a "in-force\t'Those that the engine put into the store'
own\t'Those of this command\'s own file and environment'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from migrate" -s q -l quiet -d 'Print results only'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from migrate" -s v -l verbose -d 'More words in the log (-vv: even more)'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from migrate" -l test-mode -d 'Nothing leaves the machine: sandbox, test store, free ports'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from migrate" -l utc -d 'Show times in UTC'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from migrate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand store; and __fish_seen_subcommand_from migrate" -s V -l version -d 'Print version'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand doctor" -l canary -d 'Text this number of yours (E.164) and wait until the text is delivered: one real text, outside of test mode' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand doctor" -l canary-wait -d 'How long that is waited for' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand doctor" -l config -d 'Configuration file' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand doctor" -l store -d 'Store, e.g. sqlite:/var/lib/dispatchctl/dispatchctl.db' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand doctor" -s o -l output -d 'Form of results [default: table]' -r -f -a "table\t'Tables on a terminal, plain aligned text in a pipe'
json\t'One document'
csv\t'Comma-separated, one header line'
html\t'One page, of a report alone'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand doctor" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand doctor" -l log-format -d 'Form of log lines on stderr' -r -f -a "text\t'For people'
json\t'One object a line'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand doctor" -l settings -d 'Whose settings decide: those in force in the store, or for this command alone its own (refused while an engine lives)' -r -f -a "in-force\t'Those that the engine put into the store'
own\t'Those of this command\'s own file and environment'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand doctor" -l fix -d 'Create the tables and fields that Airtable\'s base lacks'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand doctor" -l alerts -d 'Send a real alert through each sink'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand doctor" -l write-probe -d 'Write a marked row to Airtable, read it back and delete it'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand doctor" -l strict -d 'Exit with 1 for a warning too: for a pipeline that is to let nothing pass'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand doctor" -s q -l quiet -d 'Print results only'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand doctor" -s v -l verbose -d 'More words in the log (-vv: even more)'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand doctor" -l test-mode -d 'Nothing leaves the machine: sandbox, test store, free ports'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand doctor" -l utc -d 'Show times in UTC'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand doctor" -s V -l version -d 'Print version'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand init" -l ladder -d 'The ladder: `default`, or `previous`, that of the system whose base this was' -r -f -a "default\t''
previous\t''"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand init" -l out -d 'Where the configuration is written' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand init" -l config -d 'Configuration file' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand init" -l store -d 'Store, e.g. sqlite:/var/lib/dispatchctl/dispatchctl.db' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand init" -s o -l output -d 'Form of results [default: table]' -r -f -a "table\t'Tables on a terminal, plain aligned text in a pipe'
json\t'One document'
csv\t'Comma-separated, one header line'
html\t'One page, of a report alone'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand init" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand init" -l log-format -d 'Form of log lines on stderr' -r -f -a "text\t'For people'
json\t'One object a line'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand init" -l settings -d 'Whose settings decide: those in force in the store, or for this command alone its own (refused while an engine lives)' -r -f -a "in-force\t'Those that the engine put into the store'
own\t'Those of this command\'s own file and environment'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand init" -l from-airtable -d 'Read the shop\'s own base (AIRTABLE_API_KEY and AIRTABLE_BASE_ID, also from .env) and make the maps for it'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand init" -l systemd -d 'Write dispatchctl.service, a hardened unit for systemd, beside it'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand init" -l container -d 'Write a Containerfile beside it'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand init" -l prometheus -d 'Write alert rules for Prometheus and a dashboard for Grafana beside it'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand init" -s q -l quiet -d 'Print results only'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand init" -s v -l verbose -d 'More words in the log (-vv: even more)'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand init" -l test-mode -d 'Nothing leaves the machine: sandbox, test store, free ports'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand init" -l utc -d 'Show times in UTC'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand init" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand init" -s V -l version -d 'Print version'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand config; and not __fish_seen_subcommand_from show apply" -l config -d 'Configuration file' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand config; and not __fish_seen_subcommand_from show apply" -l store -d 'Store, e.g. sqlite:/var/lib/dispatchctl/dispatchctl.db' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand config; and not __fish_seen_subcommand_from show apply" -s o -l output -d 'Form of results [default: table]' -r -f -a "table\t'Tables on a terminal, plain aligned text in a pipe'
json\t'One document'
csv\t'Comma-separated, one header line'
html\t'One page, of a report alone'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand config; and not __fish_seen_subcommand_from show apply" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand config; and not __fish_seen_subcommand_from show apply" -l log-format -d 'Form of log lines on stderr' -r -f -a "text\t'For people'
json\t'One object a line'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand config; and not __fish_seen_subcommand_from show apply" -l settings -d 'Whose settings decide: those in force in the store, or for this command alone its own (refused while an engine lives)' -r -f -a "in-force\t'Those that the engine put into the store'
own\t'Those of this command\'s own file and environment'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand config; and not __fish_seen_subcommand_from show apply" -s q -l quiet -d 'Print results only'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand config; and not __fish_seen_subcommand_from show apply" -s v -l verbose -d 'More words in the log (-vv: even more)'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand config; and not __fish_seen_subcommand_from show apply" -l test-mode -d 'Nothing leaves the machine: sandbox, test store, free ports'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand config; and not __fish_seen_subcommand_from show apply" -l utc -d 'Show times in UTC'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand config; and not __fish_seen_subcommand_from show apply" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand config; and not __fish_seen_subcommand_from show apply" -s V -l version -d 'Print version'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand config; and not __fish_seen_subcommand_from show apply" -f -a "show" -d 'Print every setting with its origin'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand config; and not __fish_seen_subcommand_from show apply" -f -a "apply" -d 'Put this configuration\'s settings in force in the store; a running engine follows at once'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand config; and __fish_seen_subcommand_from show" -l config -d 'Configuration file' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand config; and __fish_seen_subcommand_from show" -l store -d 'Store, e.g. sqlite:/var/lib/dispatchctl/dispatchctl.db' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand config; and __fish_seen_subcommand_from show" -s o -l output -d 'Form of results [default: table]' -r -f -a "table\t'Tables on a terminal, plain aligned text in a pipe'
json\t'One document'
csv\t'Comma-separated, one header line'
html\t'One page, of a report alone'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand config; and __fish_seen_subcommand_from show" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand config; and __fish_seen_subcommand_from show" -l log-format -d 'Form of log lines on stderr' -r -f -a "text\t'For people'
json\t'One object a line'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand config; and __fish_seen_subcommand_from show" -l settings -d 'Whose settings decide: those in force in the store, or for this command alone its own (refused while an engine lives)' -r -f -a "in-force\t'Those that the engine put into the store'
own\t'Those of this command\'s own file and environment'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand config; and __fish_seen_subcommand_from show" -l diff -d 'Print what differs between this configuration and the settings in force in the store'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand config; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print results only'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand config; and __fish_seen_subcommand_from show" -s v -l verbose -d 'More words in the log (-vv: even more)'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand config; and __fish_seen_subcommand_from show" -l test-mode -d 'Nothing leaves the machine: sandbox, test store, free ports'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand config; and __fish_seen_subcommand_from show" -l utc -d 'Show times in UTC'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand config; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand config; and __fish_seen_subcommand_from show" -s V -l version -d 'Print version'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand config; and __fish_seen_subcommand_from apply" -l config -d 'Configuration file' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand config; and __fish_seen_subcommand_from apply" -l store -d 'Store, e.g. sqlite:/var/lib/dispatchctl/dispatchctl.db' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand config; and __fish_seen_subcommand_from apply" -s o -l output -d 'Form of results [default: table]' -r -f -a "table\t'Tables on a terminal, plain aligned text in a pipe'
json\t'One document'
csv\t'Comma-separated, one header line'
html\t'One page, of a report alone'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand config; and __fish_seen_subcommand_from apply" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand config; and __fish_seen_subcommand_from apply" -l log-format -d 'Form of log lines on stderr' -r -f -a "text\t'For people'
json\t'One object a line'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand config; and __fish_seen_subcommand_from apply" -l settings -d 'Whose settings decide: those in force in the store, or for this command alone its own (refused while an engine lives)' -r -f -a "in-force\t'Those that the engine put into the store'
own\t'Those of this command\'s own file and environment'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand config; and __fish_seen_subcommand_from apply" -s q -l quiet -d 'Print results only'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand config; and __fish_seen_subcommand_from apply" -s v -l verbose -d 'More words in the log (-vv: even more)'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand config; and __fish_seen_subcommand_from apply" -l test-mode -d 'Nothing leaves the machine: sandbox, test store, free ports'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand config; and __fish_seen_subcommand_from apply" -l utc -d 'Show times in UTC'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand config; and __fish_seen_subcommand_from apply" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand config; and __fish_seen_subcommand_from apply" -s V -l version -d 'Print version'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand completions" -l config -d 'Configuration file' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand completions" -l store -d 'Store, e.g. sqlite:/var/lib/dispatchctl/dispatchctl.db' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand completions" -s o -l output -d 'Form of results [default: table]' -r -f -a "table\t'Tables on a terminal, plain aligned text in a pipe'
json\t'One document'
csv\t'Comma-separated, one header line'
html\t'One page, of a report alone'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand completions" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand completions" -l log-format -d 'Form of log lines on stderr' -r -f -a "text\t'For people'
json\t'One object a line'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand completions" -l settings -d 'Whose settings decide: those in force in the store, or for this command alone its own (refused while an engine lives)' -r -f -a "in-force\t'Those that the engine put into the store'
own\t'Those of this command\'s own file and environment'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand completions" -l calls -d 'Open calls that can stand behind these words of a line'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand completions" -s q -l quiet -d 'Print results only'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand completions" -s v -l verbose -d 'More words in the log (-vv: even more)'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand completions" -l test-mode -d 'Nothing leaves the machine: sandbox, test store, free ports'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand completions" -l utc -d 'Show times in UTC'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand completions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand completions" -s V -l version -d 'Print version'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand help" -l config -d 'Configuration file' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand help" -l store -d 'Store, e.g. sqlite:/var/lib/dispatchctl/dispatchctl.db' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand help" -s o -l output -d 'Form of results [default: table]' -r -f -a "table\t'Tables on a terminal, plain aligned text in a pipe'
json\t'One document'
csv\t'Comma-separated, one header line'
html\t'One page, of a report alone'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand help" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand help" -l log-format -d 'Form of log lines on stderr' -r -f -a "text\t'For people'
json\t'One object a line'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand help" -l settings -d 'Whose settings decide: those in force in the store, or for this command alone its own (refused while an engine lives)' -r -f -a "in-force\t'Those that the engine put into the store'
own\t'Those of this command\'s own file and environment'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand help" -s q -l quiet -d 'Print results only'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand help" -s v -l verbose -d 'More words in the log (-vv: even more)'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand help" -l test-mode -d 'Nothing leaves the machine: sandbox, test store, free ports'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand help" -l utc -d 'Show times in UTC'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand help" -s V -l version -d 'Print version'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand man" -l config -d 'Configuration file' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand man" -l store -d 'Store, e.g. sqlite:/var/lib/dispatchctl/dispatchctl.db' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand man" -s o -l output -d 'Form of results [default: table]' -r -f -a "table\t'Tables on a terminal, plain aligned text in a pipe'
json\t'One document'
csv\t'Comma-separated, one header line'
html\t'One page, of a report alone'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand man" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand man" -l log-format -d 'Form of log lines on stderr' -r -f -a "text\t'For people'
json\t'One object a line'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand man" -l settings -d 'Whose settings decide: those in force in the store, or for this command alone its own (refused while an engine lives)' -r -f -a "in-force\t'Those that the engine put into the store'
own\t'Those of this command\'s own file and environment'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand man" -s q -l quiet -d 'Print results only'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand man" -s v -l verbose -d 'More words in the log (-vv: even more)'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand man" -l test-mode -d 'Nothing leaves the machine: sandbox, test store, free ports'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand man" -l utc -d 'Show times in UTC'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand man" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand man" -s V -l version -d 'Print version'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand demo" -l config -d 'Configuration file' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand demo" -l store -d 'Store, e.g. sqlite:/var/lib/dispatchctl/dispatchctl.db' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand demo" -s o -l output -d 'Form of results [default: table]' -r -f -a "table\t'Tables on a terminal, plain aligned text in a pipe'
json\t'One document'
csv\t'Comma-separated, one header line'
html\t'One page, of a report alone'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand demo" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand demo" -l log-format -d 'Form of log lines on stderr' -r -f -a "text\t'For people'
json\t'One object a line'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand demo" -l settings -d 'Whose settings decide: those in force in the store, or for this command alone its own (refused while an engine lives)' -r -f -a "in-force\t'Those that the engine put into the store'
own\t'Those of this command\'s own file and environment'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand demo" -l keep -d 'Keep the temporary directory and print where it is'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand demo" -s q -l quiet -d 'Print results only'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand demo" -s v -l verbose -d 'More words in the log (-vv: even more)'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand demo" -l test-mode -d 'Nothing leaves the machine: sandbox, test store, free ports'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand demo" -l utc -d 'Show times in UTC'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand demo" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand demo" -s V -l version -d 'Print version'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand sandbox; and not __fish_seen_subcommand_from reply" -l listen -d 'Where it listens; loopback only, port 0 takes a free one' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand sandbox; and not __fish_seen_subcommand_from reply" -l ledger -d 'What it accepted, one JSON object a line; kept over restarts' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand sandbox; and not __fish_seen_subcommand_from reply" -l pace-ms -d 'Time between two statuses of a message' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand sandbox; and not __fish_seen_subcommand_from reply" -l inbound-url -d 'Where technicians\' replies are posted, e.g. http://127.0.0.1:3000/webhooks/twilio/sms-inbound' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand sandbox; and not __fish_seen_subcommand_from reply" -l airtable-pause-ms -d 'How long Airtable refuses everything after more than 5 requests in a second' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand sandbox; and not __fish_seen_subcommand_from reply" -l airtable-base -d 'Which base Airtable shows: own (texts alone, as `doctor --fix` makes it), or one that shops have, P or X' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand sandbox; and not __fish_seen_subcommand_from reply" -l seed -d 'Repeats chance' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand sandbox; and not __fish_seen_subcommand_from reply" -l config -d 'Configuration file' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand sandbox; and not __fish_seen_subcommand_from reply" -l store -d 'Store, e.g. sqlite:/var/lib/dispatchctl/dispatchctl.db' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand sandbox; and not __fish_seen_subcommand_from reply" -s o -l output -d 'Form of results [default: table]' -r -f -a "table\t'Tables on a terminal, plain aligned text in a pipe'
json\t'One document'
csv\t'Comma-separated, one header line'
html\t'One page, of a report alone'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand sandbox; and not __fish_seen_subcommand_from reply" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand sandbox; and not __fish_seen_subcommand_from reply" -l log-format -d 'Form of log lines on stderr' -r -f -a "text\t'For people'
json\t'One object a line'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand sandbox; and not __fish_seen_subcommand_from reply" -l settings -d 'Whose settings decide: those in force in the store, or for this command alone its own (refused while an engine lives)' -r -f -a "in-force\t'Those that the engine put into the store'
own\t'Those of this command\'s own file and environment'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand sandbox; and not __fish_seen_subcommand_from reply" -l tcp-faults -d 'Put a TCP peer in front, for faults of the wire: cut, trickle, reset, half_open, garbage, wrong_length'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand sandbox; and not __fish_seen_subcommand_from reply" -s q -l quiet -d 'Print results only'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand sandbox; and not __fish_seen_subcommand_from reply" -s v -l verbose -d 'More words in the log (-vv: even more)'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand sandbox; and not __fish_seen_subcommand_from reply" -l test-mode -d 'Nothing leaves the machine: sandbox, test store, free ports'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand sandbox; and not __fish_seen_subcommand_from reply" -l utc -d 'Show times in UTC'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand sandbox; and not __fish_seen_subcommand_from reply" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand sandbox; and not __fish_seen_subcommand_from reply" -s V -l version -d 'Print version'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand sandbox; and not __fish_seen_subcommand_from reply" -f -a "reply" -d 'Let a technician of the running sandbox answer, and show what they are told'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand sandbox; and __fish_seen_subcommand_from reply" -l to -d 'The number of ours that they write to [default: the one that texted them last]' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand sandbox; and __fish_seen_subcommand_from reply" -l at -d 'Where the sandbox listens [default: sandbox.listen of the configuration]' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand sandbox; and __fish_seen_subcommand_from reply" -l config -d 'Configuration file' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand sandbox; and __fish_seen_subcommand_from reply" -l store -d 'Store, e.g. sqlite:/var/lib/dispatchctl/dispatchctl.db' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand sandbox; and __fish_seen_subcommand_from reply" -s o -l output -d 'Form of results [default: table]' -r -f -a "table\t'Tables on a terminal, plain aligned text in a pipe'
json\t'One document'
csv\t'Comma-separated, one header line'
html\t'One page, of a report alone'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand sandbox; and __fish_seen_subcommand_from reply" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand sandbox; and __fish_seen_subcommand_from reply" -l log-format -d 'Form of log lines on stderr' -r -f -a "text\t'For people'
json\t'One object a line'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand sandbox; and __fish_seen_subcommand_from reply" -l settings -d 'Whose settings decide: those in force in the store, or for this command alone its own (refused while an engine lives)' -r -f -a "in-force\t'Those that the engine put into the store'
own\t'Those of this command\'s own file and environment'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand sandbox; and __fish_seen_subcommand_from reply" -s q -l quiet -d 'Print results only'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand sandbox; and __fish_seen_subcommand_from reply" -s v -l verbose -d 'More words in the log (-vv: even more)'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand sandbox; and __fish_seen_subcommand_from reply" -l test-mode -d 'Nothing leaves the machine: sandbox, test store, free ports'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand sandbox; and __fish_seen_subcommand_from reply" -l utc -d 'Show times in UTC'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand sandbox; and __fish_seen_subcommand_from reply" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand sandbox; and __fish_seen_subcommand_from reply" -s V -l version -d 'Print version'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand test-reliability" -l scenario -d 'Only this scenario, by name, or a file of your own; can be repeated' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand test-reliability" -l storm -d 'A storm of so many kills under load, a fault with each, in place of the scenarios' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand test-reliability" -l dispatches -d 'So many calls in the storm [default: ten a kill]' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand test-reliability" -l replicas -d 'A storm over so many replicas of one store, whose engine is killed, stopped and cut off; the store: --store postgres://...' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand test-reliability" -l save -d 'Keep the storm as a scenario file' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand test-reliability" -l history -d 'Keep what was asked, answered and accepted in the storm as JSON lines, for a judge that knows nothing of this program' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand test-reliability" -l seed -d 'Decides every chance [default: 1; a storm draws one]' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand test-reliability" -l jobs -d 'So many scenarios side by side [default: three a processor]' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand test-reliability" -l junit -d 'Also write the results for a build server' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand test-reliability" -l html -d 'Also write the results as one page for a browser' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand test-reliability" -l baseline -d 'Compare with the results of an earlier run (-o json)' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand test-reliability" -l guards-off -d 'Play without these guards, to see that something breaks' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand test-reliability" -l t1 -d 'The follow-up\'s wait [default: that of the policy `normal`]' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand test-reliability" -l max-messages -d 'Refuse a plan of more texts [default: 10]' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand test-reliability" -l listen -d 'Listen here, where server.public_url leads; without it statuses are asked for' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand test-reliability" -l price-per-segment -d 'What a segment costs, in US dollars, for the estimate' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand test-reliability" -l price-per-minute -d 'What a started minute of a phone call costs, in US dollars, for the estimate' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand test-reliability" -l config -d 'Configuration file' -r -F
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand test-reliability" -l store -d 'Store, e.g. sqlite:/var/lib/dispatchctl/dispatchctl.db' -r
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand test-reliability" -s o -l output -d 'Form of results [default: table]' -r -f -a "table\t'Tables on a terminal, plain aligned text in a pipe'
json\t'One document'
csv\t'Comma-separated, one header line'
html\t'One page, of a report alone'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand test-reliability" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand test-reliability" -l log-format -d 'Form of log lines on stderr' -r -f -a "text\t'For people'
json\t'One object a line'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand test-reliability" -l settings -d 'Whose settings decide: those in force in the store, or for this command alone its own (refused while an engine lives)' -r -f -a "in-force\t'Those that the engine put into the store'
own\t'Those of this command\'s own file and environment'"
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand test-reliability" -l list -d 'Show the scenarios and play none'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand test-reliability" -l keep -d 'Keep the directory of the run and print where it is'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand test-reliability" -l live -d 'Against the real provider, with real texts to [test] numbers alone: shows what it will send and cost, and asks'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand test-reliability" -l yes -d 'Send without asking'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand test-reliability" -l voice -d 'Ring the test numbers too'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand test-reliability" -s q -l quiet -d 'Print results only'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand test-reliability" -s v -l verbose -d 'More words in the log (-vv: even more)'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand test-reliability" -l test-mode -d 'Nothing leaves the machine: sandbox, test store, free ports'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand test-reliability" -l utc -d 'Show times in UTC'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand test-reliability" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dispatchctl -n "__fish_dispatchctl_using_subcommand test-reliability" -s V -l version -d 'Print version'

complete -c dispatchctl -n "not string match -q -- '-*' (commandline -ct)" -a "(command dispatchctl completions --calls -- (commandline -opc)[2..-1] 2>/dev/null)" -d 'Open call'
