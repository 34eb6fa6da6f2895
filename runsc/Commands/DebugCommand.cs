using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Sandbox.Linux;
using Sandbox.Runsc.CommandLine;
using Sandbox.Runsc.Diagnostics;
using Sandbox.Runsc.Launch;
using Sandbox.Runsc.State;
using Sandbox.Sentry.Control;

namespace Sandbox.Runsc.Commands;

/// <summary><c>debug</c>: what goes on in a sandbox: live counters, a trace, or what each thread does.</summary>
internal static class DebugCommand
{
    public static Command Definition { get; } = new()
    {
        Name = "debug",
        Usage = "CONTAINER",
        Summary = "show live counters of a sandbox started with --diagnostics, record a trace, or list its threads",
        Flags =
        [
            new("tasks", FlagKind.Switch,
                "list the guest's threads and what each is blocked in (needs no --diagnostics)"),
            new("stacks", FlagKind.Switch, "with their registers and return addresses"),
            new("trace", FlagKind.Value, "record every system call and collection to this .nettrace file"),
            new("duration", FlagKind.Value, "seconds after which recording ends by itself; 0: when the container does",
                Default: "0"),
            new("interval", FlagKind.Value, "seconds between two tables", Default: "1"),
            new("count", FlagKind.Value, "tables after which to end; 0: when the container does", Default: "0"),
        ],
        Run = Run,
    };

    private static int Run(GlobalOptions options, Arguments arguments)
    {
        StateDirectory states = new(options.Root);
        ContainerState state;
        using (ContainerDirectory directory = states.Open(arguments.Single("the container's id")))
            state = directory.Load();
        if (arguments.Has("tasks") || arguments.Has("stacks"))
            return ListTasks(states, state, arguments.Has("stacks"));
        if (ContainerLife.Status(state) == "stopped")
            throw new Failure("container not running");
        int interval = Math.Max(1, arguments.GetNumber("interval", 1));
        return arguments.Get("trace") is { Length: > 0 } file
            ? Record(state, file, interval, arguments.GetNumber("duration", 0))
            : Watch(state, interval, arguments.GetNumber("count", 0));
    }

    private static int Watch(ContainerState state, int interval, int count)
    {
        const string clear = "\u001b[H\u001b[J";
        bool isTerminal = HostTerminal.GetAttributes(1, out _) == Errno.Ok;
        using TraceSession session = TraceSession.Begin(state, interval, everyCall: false);
        using PosixSignalRegistration stop = StopAt(PosixSignal.SIGINT, session), end = StopAt(
            PosixSignal.SIGTERM, session);
        int shown = 0;
        LiveView view = new(state.Id, table =>
        {
            if (count > 0 && shown >= count)
                return;
            ErrorReport.WriteTo(1, isTerminal ? clear + table : table + "\n");
            if (++shown == count)
                new Thread(session.Stop).Start(); // This thread reads what the session still has to say.
        });
        if (!new TraceReader(session.Events, view.Add).Run())
            throw new Failure("debug: the sandbox sends a trace of an unknown format");
        return 0;
    }

    private static int Record(ContainerState state, string path, int interval, int duration)
    {
        using FileStream file = File.Create(path);
        using TraceSession session = TraceSession.Begin(state, interval, everyCall: true);
        using PosixSignalRegistration stop = StopAt(PosixSignal.SIGINT, session), end = StopAt(
            PosixSignal.SIGTERM, session);
        using Timer? limit = duration > 0
            ? new Timer(_ => session.Stop(), null, TimeSpan.FromSeconds(duration), Timeout.InfiniteTimeSpan)
            : null;
        try
        {
            session.Events.CopyTo(file);
        }
        catch (IOException)
        {
            // The container ended: the file holds what was sent until then.
        }

        ErrorReport.WriteTo(
            1, string.Create(CultureInfo.InvariantCulture,
                $"{path}: {file.Length} bytes; PerfView, Visual Studio and dotnet-trace open it\n"));
        return 0;
    }

    private static PosixSignalRegistration StopAt(PosixSignal signal, TraceSession session) =>
        PosixSignalRegistration.Create(signal, context =>
        {
            context.Cancel = true;
            session.Stop();
        });

    private static int ListTasks(StateDirectory states, ContainerState state, bool withStacks)
    {
        using ControlClient client = ContainerLife.Connect(states, state);
        ControlReply reply = client.Ask(
            new ControlRequest { Method = ControlMethod.Tasks, Container = state.Id, WithStacks = withStacks });
        List<string[]> rows = [["PID", "TID", "S", "NAME", "WAITS IN", "SYSCALL"]];
        foreach (TaskEntry task in reply.Tasks ?? [])
        {
            rows.Add(
            [
                task.Process.ToString(CultureInfo.InvariantCulture), task.Thread.ToString(CultureInfo.InvariantCulture),
                task.State, task.Name, task.Channel, DescribeCall(task),
            ]);
        }

        string table = Table.Format(rows);
        ErrorReport.WriteTo(1, $"{reply.Platform}\n" + (withStacks ? WithStacks(table, reply.Tasks ?? []) : table));
        return 0;
    }

    private static string DescribeCall(TaskEntry task) => task.Syscall is null
        ? "-"
        : $"{task.Syscall}({string.Join(", ", Array.ConvertAll(task.Arguments ?? [], static value => $"0x{value:x}"))})";

    // Each thread's stack below its line.
    private static string WithStacks(string table, List<TaskEntry> tasks)
    {
        string[] lines = table.TrimEnd('\n').Split('\n');
        StringBuilder text = new StringBuilder(lines[0]).Append('\n');
        for (int index = 0; index < tasks.Count; index++)
        {
            text.Append(lines[index + 1]).Append('\n');
            foreach (string frame in tasks[index].Stack ?? ["(cannot be looked at)"])
                text.Append("      ").Append(frame).Append('\n');
        }

        return text.ToString();
    }
}
