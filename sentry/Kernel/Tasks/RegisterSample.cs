using Sandbox.Linux;
using Sandbox.Platform;

namespace Sandbox.Sentry.Kernel.Tasks;

/// <summary>
/// Gets the registers of a thread that runs guest code: it is brought in, and goes on as if nothing had been.
/// </summary>
internal sealed class RegisterSample : IDisposable
{
    private readonly ManualResetEventSlim _taken = new();

    public UserRegisters Registers { get; private set; }

    /// <summary>
    /// Asks a task, and waits up to some time. False if it did not come in: it is in a call, or gone.
    /// </summary>
    public static bool TryRead(Task task, TimeSpan limit, out UserRegisters registers)
    {
        using RegisterSample sample = new();
        task.Sample = sample;
        task.Thread.Interrupt();
        bool isTaken = sample._taken.Wait(limit);
        task.Sample = null;
        registers = sample.Registers;
        return isTaken;
    }

    /// <summary>By the task's own thread, with its full state at hand.</summary>
    public void Take(IGuestThread thread)
    {
        Registers = thread.Registers;
        try
        {
            _taken.Set();
        }
        catch (ObjectDisposedException)
        {
            // Whoever asked has just given up.
        }
    }

    public void Dispose() => _taken.Dispose();
}
