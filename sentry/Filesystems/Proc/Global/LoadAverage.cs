using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Namespaces;

namespace Sandbox.Sentry.Filesystems.Proc.Global;

/// <summary>
/// The load of the sandbox (proc_loadavg(5)), sampled when somebody looks: between two looks the load is taken to have
/// been what it is now, so that an idle sandbox needs no timer.
/// </summary>
internal sealed class LoadAverage
{
    private readonly Lock _lock = new();
    private long _lastSample;
    private double _one;
    private double _five;
    private double _fifteen;

    public static LoadAverage Shared { get; } = new();

    /// <summary>Averages over 1, 5 and 15 minutes, and the numbers of running and of all threads.</summary>
    public (double One, double Five, double Fifteen, int Running, int Total) Sample(Kernel.Kernel kernel)
    {
        int running = 0, total = 0;
        using (kernel.Tree.Enter())
        {
            foreach (KeyValuePair<int, Pid> entry in kernel.RootPids.Pids)
            {
                if (entry.Value.Task is not { IsExited: false } task)
                    continue;
                total++;
                running += task.SyscallNumber < 0 && !task.IsSleeping && !task.IsStopped ? 1 : 0;
            }
        }

        // The task that looks is in a call; it counts as running, as on Linux.
        running = Math.Max(1, running);
        lock (_lock)
        {
            long now = HostClock.Now(HostClock.Monotonic);
            double seconds = _lastSample == 0 ? 0 : (now - _lastSample) / 1e9;
            _lastSample = now;
            _one = Decay(_one, running - 1, seconds, 60);
            _five = Decay(_five, running - 1, seconds, 300);
            _fifteen = Decay(_fifteen, running - 1, seconds, 900);
            return (_one, _five, _fifteen, running, total);
        }
    }

    private static double Decay(double load, int now, double seconds, double period)
    {
        double kept = Math.Exp(-seconds / period);
        return (load * kept) + (now * (1 - kept));
    }
}
