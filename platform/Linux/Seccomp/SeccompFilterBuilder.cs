namespace Sandbox.Linux;

/// <summary>
/// Builds a seccomp filter from rules. For one call the first rule whose tests all hold decides; a call without a rule
/// that holds gets the default. Calls are found by binary search,
/// so the order of rules of different calls costs nothing.
/// </summary>
public sealed class SeccompFilterBuilder(SeccompAction defaultAction, SeccompAction foreignAction)
{
    private const uint ArchX64 = 0xC000003E; // AUDIT_ARCH_X86_64
    private const uint X32Bit = 0x40000000;
    private const uint NumberOffset = 0, ArchOffset = 4;
    private const int LinearSearchLength = 3;

    private readonly SortedDictionary<int, List<(SeccompTest[] Tests, SeccompAction Action)>> _rules = [];

    /// <summary>The calls that have a rule, in ascending order.</summary>
    public IReadOnlyCollection<int> Calls => _rules.Keys;

    /// <summary>The calls that some rule allows, in ascending order.</summary>
    public IReadOnlyCollection<int> AllowedCalls
    {
        get
        {
            List<int> calls = [];
            foreach ((int number, List<(SeccompTest[] Tests, SeccompAction Action)> rules) in _rules)
            {
                if (rules.Exists(rule => rule.Action == SeccompAction.Allow))
                    calls.Add(number);
            }

            return calls;
        }
    }

    /// <summary>
    /// For <paramref name="number"/>: <paramref name="action"/> if all <paramref name="tests"/> hold (none: always).
    /// </summary>
    public SeccompFilterBuilder Rule(int number, SeccompAction action, params SeccompTest[] tests)
    {
        if (!_rules.TryGetValue(number, out List<(SeccompTest[] Tests, SeccompAction Action)>? rules))
            _rules[number] = rules = [];
        rules.Add((tests, action));
        return this;
    }

    /// <summary>Allows a call when all <paramref name="tests"/> hold (none: always).</summary>
    public SeccompFilterBuilder Allow(int number, params SeccompTest[] tests) =>
        Rule(number, SeccompAction.Allow, tests);

    /// <summary>Allows calls whatever their arguments.</summary>
    public SeccompFilterBuilder AllowAll(params ReadOnlySpan<int> numbers)
    {
        foreach (int number in numbers)
            Rule(number, SeccompAction.Allow);
        return this;
    }

    public BpfInstruction[] Build()
    {
        BpfProgram program = new();
        BpfLabel foreign = program.NewLabel(), other = program.NewLabel();
        program.Load(ArchOffset);
        program.IfNotEqual(ArchX64, foreign);
        program.Load(NumberOffset);
        program.IfAtLeast(X32Bit, foreign);
        int[] numbers = [.. _rules.Keys];
        BpfLabel[] targets = new BpfLabel[numbers.Length];
        for (int i = 0; i < targets.Length; i++)
            targets[i] = program.NewLabel();
        EmitSearch(program, numbers, targets, 0, numbers.Length, other);
        for (int i = 0; i < numbers.Length; i++)
        {
            program.Mark(targets[i]);
            EmitRules(program, _rules[numbers[i]], other);
        }

        program.Mark(other);
        program.Return(defaultAction.Value);
        program.Mark(foreign);
        program.Return(foreignAction.Value);
        return program.Assemble();
    }

    private static void EmitSearch(
        BpfProgram program, int[] numbers, BpfLabel[] targets, int from, int to, BpfLabel other)
    {
        if (to - from <= LinearSearchLength)
        {
            for (int i = from; i < to; i++)
                program.IfEqual((uint)numbers[i], targets[i]);
            program.Jump(other);
            return;
        }

        int middle = from + ((to - from) / 2);
        BpfLabel upper = program.NewLabel();
        program.IfAtLeast((uint)numbers[middle], upper);
        EmitSearch(program, numbers, targets, from, middle, other);
        program.Mark(upper);
        EmitSearch(program, numbers, targets, middle, to, other);
    }

    private static void EmitRules(
        BpfProgram program, List<(SeccompTest[] Tests, SeccompAction Action)> rules, BpfLabel other)
    {
        foreach ((SeccompTest[] tests, SeccompAction action) in rules)
        {
            BpfLabel next = program.NewLabel();
            foreach (SeccompTest test in tests)
                test.Emit(program, next);
            program.Return(action.Value);
            if (tests.Length == 0)
                return; // Nothing after an unconditional rule can be reached, and the label has no user.
            program.Mark(next);
        }

        program.Jump(other);
    }
}
