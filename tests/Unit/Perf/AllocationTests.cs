using System.Globalization;
using System.Reflection;
using BenchmarkDotNet.Attributes;
using Sandbox.Harness;
using Sandbox.Perf;
using Xunit;

namespace Sandbox.UnitTests.Perf;

/// <summary>
/// The micro benchmarks, run for their allocations instead of their times: exact, and the same on every machine.
/// </summary>
public sealed class AllocationTests
{
    private const int WarmUps = 200, Calls = 1000;

    public static TheoryData<string> Benchmarks()
    {
        TheoryData<string> names = [];
        foreach (MethodInfo method in Methods())
            names.Add($"{method.DeclaringType!.Name}.{method.Name}");
        return names;
    }

    [Theory]
    [MemberData(nameof(Benchmarks))]
    public void A_hot_path_allocates_what_its_line_says(string name)
    {
        long? expected = Expected(name);
        Assert.True(expected is not null, $"{name} has no line in perf/micro/allocations.txt");
        MethodInfo method = Methods().Single(method => $"{method.DeclaringType!.Name}.{method.Name}" == name);
        Action run = Bind(method);
        for (int i = 0; i < WarmUps; i++)
            run();
        // The runtime may replace code or collect in between: the best of some rounds is the path's own.
        long least = long.MaxValue;
        for (int round = 0; round < 10 && least > expected; round++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < Calls; i++)
                run();
            least = Math.Min(least, (GC.GetAllocatedBytesForCurrentThread() - before) / Calls);
        }

        Assert.Equal(expected, least);
    }

    [Fact]
    public void Every_line_names_a_benchmark()
    {
        List<string> known = [.. Benchmarks().Select(row => row.Data)];
        foreach (string line in Lines())
            Assert.Contains(line.Split(' ')[0], known);
    }

    private static IEnumerable<MethodInfo> Methods() => typeof(SyscallBenchmarks).Assembly.GetTypes()
        .SelectMany(type => type.GetMethods()).Where(
            method => method.GetCustomAttribute<BenchmarkAttribute>() is not null);

    private static Action Bind(MethodInfo method)
    {
        object owner = Activator.CreateInstance(method.DeclaringType!)!;
        foreach (PropertyInfo property in method.DeclaringType!.GetProperties())
        {
            if (property.GetCustomAttribute<ParamsAttribute>() is { } values)
                property.SetValue(owner, values.Values[^1]);
        }

        foreach (MethodInfo setup in method.DeclaringType.GetMethods())
        {
            if (setup.GetCustomAttribute<GlobalSetupAttribute>() is not null)
                setup.Invoke(owner, null);
        }

        if (method.ReturnType == typeof(void))
            return method.CreateDelegate<Action>(owner);
        if (method.ReturnType == typeof(long))
            return Discard(method.CreateDelegate<Func<long>>(owner));
        return Discard(method.CreateDelegate<Func<ulong>>(owner));
    }

    private static Action Discard<T>(Func<T> function) => () => function();

    private static long? Expected(string name)
    {
        foreach (string line in Lines())
        {
            string[] words = line.Split(' ');
            if (words[0] == name)
                return long.Parse(words[1], CultureInfo.InvariantCulture);
        }

        return null;
    }

    private static IEnumerable<string> Lines() =>
        File.ReadAllLines(Path.Combine(Checkout.Root, "perf", "micro", "allocations.txt"))
        .Where(line => line.Length > 0 && line[0] != '#');
}
