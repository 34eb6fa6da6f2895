using Xunit;

namespace Sandbox.UnitTests.Platform;

/// <summary>
/// Tests that count what the whole process holds (descriptors, threads): nothing else may run beside them.
/// </summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class AloneCollection
{
    public const string Name = "alone";
}
