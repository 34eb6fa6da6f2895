using Xunit;

namespace Sandbox.UnitTests.Tidy;

/// <summary>Assertions about lists of findings.</summary>
internal static class Expect
{
    /// <summary>Fails with all findings, one a line.</summary>
    public static void Nothing(IReadOnlyCollection<string> findings)
    {
        if (findings.Count > 0)
            Assert.Fail($"{findings.Count} found:\n{string.Join('\n', findings)}");
    }
}
