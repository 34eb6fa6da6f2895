using System.Diagnostics;
using System.Text;
using static Tmds.Linux.LibC;

namespace Sandbox.Harness;

/// <summary>How a program on the host ended, and what it said.</summary>
/// <param name="Status">The exit status; 128+N when signal N ended it.</param>
/// <param name="IsTimedOut">The clock ran out and the whole process group was killed.</param>
public sealed record HostResult(int Status, string Output, string Error, bool IsTimedOut, TimeSpan Elapsed)
{
    /// <summary>Everything worth reading in a failure message, shortened.</summary>
    public override string ToString() =>
        $"{(IsTimedOut ? "timed out" : $"status {Status}")} after {Elapsed.TotalSeconds:F1} s\n" +
        $"--- stdout\n{Shorten(Output)}\n--- stderr\n{Shorten(Error)}";

    private static string Shorten(string text) =>
        text.Length <= 6000 ? text : text[..3000] + "\n[...]\n" + text[^3000..];
}

/// <summary>
/// Runs a program on the host in a session of its own, against the harness's own clock: when time is up, its whole
/// process group is killed, whatever the program thinks of it.
/// </summary>
public sealed class HostProgram : IDisposable
{
    private readonly Process _process;
    private readonly StringBuilder _output = new();
    private readonly StringBuilder _error = new();
    private readonly Thread[] _readers;
    private readonly Stopwatch _clock = Stopwatch.StartNew();

    private HostProgram(
        IReadOnlyList<string> command,
        string? folder,
        string? input,
        IReadOnlyDictionary<string, string>? environment,
        bool isInputKept)
    {
        // The .NET runtime ignores SIGPIPE and its children inherit that: env(1) gives every signal its default back.
        ProcessStartInfo start = new("env")
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = folder ?? string.Empty,
        };
        foreach (string argument in (ReadOnlySpan<string>)["--default-signal", "setsid", .. command])
            start.ArgumentList.Add(argument);
        foreach ((string name, string value) in environment ?? new Dictionary<string, string>())
            start.Environment[name] = value;
        _process = Process.Start(start) ?? throw new InvalidOperationException($"cannot start {command[0]}");
        _readers = [Drain(_process.StandardOutput, _output), Drain(_process.StandardError, _error)];
        Feed(input, isInputKept);
    }

    /// <summary>
    /// The host pid; also the number of its process group, because env and setsid execute the program in place.
    /// </summary>
    public int Pid => _process.Id;

    /// <summary>What it has written to its standard output so far.</summary>
    public string OutputSoFar
    {
        get
        {
            lock (_output)
                return _output.ToString();
        }
    }

    /// <summary>Starts a program and returns at once. Its standard input ends after <paramref name="input"/>.</summary>
    public static HostProgram Start(
        IReadOnlyList<string> command,
        string? folder = null,
        string? input = null,
        IReadOnlyDictionary<string, string>? environment = null) => new(command, folder, input, environment, false);

    /// <summary>
    /// Starts a program on a pseudo-terminal of 100 columns and 40 rows (by script(1)), with a keyboard:
    /// <see cref="Type"/>.
    /// </summary>
    public static HostProgram StartOnTerminal(IReadOnlyList<string> command)
    {
        StringBuilder line = new("stty cols 100 rows 40; exec");
        foreach (string word in command)
            line.Append(" '").Append(word.Replace("'", "'\\''")).Append('\'');
        return new HostProgram(["script", "-qec", line.ToString(), "/dev/null"], null, null, null, true);
    }

    /// <summary>Writes to the standard input of a program that was started with a keyboard.</summary>
    public void Type(string text)
    {
        _process.StandardInput.Write(text);
        _process.StandardInput.Flush();
    }

    /// <summary>Waits until the standard output contains the text; whether it came in time.</summary>
    public bool WaitForOutput(string text, TimeSpan limit)
    {
        for (Stopwatch clock = Stopwatch.StartNew(); clock.Elapsed < limit; Thread.Sleep(10))
        {
            if (OutputSoFar.Contains(text, StringComparison.Ordinal))
                return true;
        }

        return OutputSoFar.Contains(text, StringComparison.Ordinal);
    }

    /// <summary>Runs a program to its end, at most <paramref name="limit"/> long.</summary>
    public static HostResult Run(
        IReadOnlyList<string> command,
        TimeSpan limit,
        string? folder = null,
        string? input = null,
        IReadOnlyDictionary<string, string>? environment = null)
    {
        using HostProgram program = Start(command, folder, input, environment);
        return program.Wait(limit);
    }

    /// <summary>Waits for the end; kills the process group when the time is up.</summary>
    public HostResult Wait(TimeSpan limit)
    {
        bool isTimedOut = !_process.WaitForExit(limit);
        if (isTimedOut)
            Kill();
        _process.WaitForExit(TimeSpan.FromSeconds(10));
        foreach (Thread reader in _readers)
        {
            // Something that left the group may hold the pipe open: that is a finding, not a reason to hang.
            if (!reader.Join(TimeSpan.FromSeconds(3)))
                AppendError("\n[harness: something still holds an output pipe of the ended program]");
        }

        lock (_output)
        {
            lock (_error)
                return new HostResult(
                    _process.HasExited
                        ? _process.ExitCode
                        : -1, _output.ToString(), _error.ToString(), isTimedOut, _clock.Elapsed);
        }
    }

    /// <summary>Sends a signal to the process group.</summary>
    public void Signal(int signal) => _ = kill(-_process.Id, signal);

    public void Kill() => Signal(SIGKILL);

    /// <summary>Sends a signal to any process of the host.</summary>
    public static int SignalProcess(int pid, int signal) => kill(pid, signal);

    public void Dispose()
    {
        if (!_process.HasExited)
            Kill();
        _process.Dispose();
    }

    private void AppendError(string text)
    {
        lock (_error)
            _error.Append(text);
    }

    private static Thread Drain(StreamReader from, StringBuilder into)
    {
        Thread reader = new(() =>
        {
            char[] buffer = new char[4096];
            try
            {
                for (int count; (count = from.Read(buffer)) > 0;)
                {
                    lock (into)
                        into.Append(buffer, 0, count);
                }
            }
            catch (Exception closed) when (closed is ObjectDisposedException or IOException)
            {
                // The program was abandoned with its pipe still open.
            }
        })
        { IsBackground = true };
        reader.Start();
        return reader;
    }

    private void Feed(string? input, bool isInputKept)
    {
        try
        {
            if (input is not null)
                _process.StandardInput.Write(input);
            if (!isInputKept)
                _process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It did not want to read: its own business.
        }
    }
}
