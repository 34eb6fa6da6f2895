using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;

namespace Sandbox.Perf;

/// <summary>
/// Runs the micro benchmarks and gates on allocation: every benchmark here is a hot path, so it must allocate nothing.
/// Times are printed, not gated: they depend on the machine.
/// </summary>
internal static class Program
{
    private static int Main(string[] arguments)
    {
        // In this process: the internals of the sentry are visible to this assembly, not to a generated one.
        IConfig config = DefaultConfig.Instance.AddJob(
            Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance)).WithOptions(ConfigOptions.JoinSummary);
        int allocating = 0, measured = 0;
        foreach (Summary summary in BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(
            arguments.Length > 0 ? arguments : ["--filter", "*"], config))
        {
            foreach (BenchmarkReport report in summary.Reports)
            {
                measured++;
                long? bytes = report.GcStats.GetBytesAllocatedPerOperation(report.BenchmarkCase);
                if (bytes is 0)
                    continue;
                allocating++;
                Console.WriteLine($"{report.BenchmarkCase.DisplayInfo} allocates {bytes} bytes per operation");
            }
        }

        Console.WriteLine($"{measured} benchmarks, {allocating} of them allocate");
        return measured > 0 && allocating == 0 ? 0 : 1;
    }
}
