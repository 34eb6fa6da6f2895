using System.Reflection;
using Sandbox.Harness;
using Sandbox.Linux;
using Sandbox.SyscallTables;
using Xunit;

namespace Sandbox.UnitTests.SyscallTables;

/// <summary>
/// The table is complete, calls its rows what Linux calls them, and COVERAGE.md says what the rows say.
/// </summary>
public sealed class CoverageTests
{
    private readonly LinuxX64 _table = new();

    [Fact]
    public void Every_call_of_Linux_has_a_row_that_says_what_is_missing()
    {
        for (int number = 0; number < LinuxX64.Size; number++)
        {
            if (number is > 334 and < 424)
            {
                Assert.Null(_table[number]);
                continue;
            }

            Syscall row = Assert.IsType<Syscall>(_table[number]);
            Assert.NotEmpty(row.Family);
            Assert.Equal(row.Level == SupportLevel.Full, row.Note.Length == 0);
            Assert.Equal(row.Level == SupportLevel.Unsupported, row.Error != Errno.Ok);
        }
    }

    [Fact]
    public void Rows_have_the_names_of_their_numbers()
    {
        foreach (FieldInfo field in typeof(Sys).GetFields(BindingFlags.Public | BindingFlags.Static))
            Assert.Equal(field.Name, _table.NameOf((int)field.GetRawConstantValue()!));
        for (int number = 0; number < LinuxX64.Size; number++)
            Assert.Equal(SyscallNames.NameOf(number), _table[number]?.Name);
    }

    [Fact]
    public void The_coverage_document_is_fresh()
    {
        string path = Path.Combine(Checkout.Root, "syscall-tables", "COVERAGE.md");
        Assert.True(
            File.ReadAllText(path) == Coverage.Markdown(_table),
            "syscall-tables/COVERAGE.md is stale: run `make coverage`");
    }

    [Fact]
    public void Csv_quotes_what_needs_it()
    {
        List<Coverage.Line> lines = [new Coverage.Line(0, "read", "partial", "files", "no \"x\", no y")];
        Assert.Equal(
            "number,name,support,family,note\n0,read,partial,files,\"no \"\"x\"\", no y\"\n", Coverage.Csv(lines));
    }
}
