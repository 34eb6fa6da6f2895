using System.Globalization;
using Sandbox.Linux;
using Sandbox.Platform;
using Sandbox.Sentry.Kernel;
using Task = Sandbox.Sentry.Kernel.Task;

namespace Sandbox.Runsc.Boot;

/// <summary>Logs every system call of the guests with its raw arguments and its result (<c>--strace</c>).</summary>
internal sealed class TracingTable(ISyscallTable table, KernelLog log) : ISyscallTable
{
    public SyscallResult Invoke(Task task, in SyscallArguments arguments)
    {
        SyscallArguments call = arguments; // The original may be gone when the call returns.
        SyscallResult result = table.Invoke(task, arguments);
        string answer = result.Error == Errno.Ok
            ? string.Create(CultureInfo.InvariantCulture, $"{result.Register} (0x{result.Register:x})")
            : result.Error.ToString();
        string registers = string.Create(
            CultureInfo.InvariantCulture,
            $"0x{call.A0:x}, 0x{call.A1:x}, 0x{call.A2:x}, 0x{call.A3:x}, 0x{call.A4:x}, 0x{call.A5:x}");
        log.Trace(string.Create(
            CultureInfo.InvariantCulture, $"[{task.Id.Own}] {table.NameOf(call.Number)}({registers}) = {answer}"));
        return result;
    }

    public string NameOf(int number) => table.NameOf(number);
}
