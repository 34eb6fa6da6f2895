using System.Buffers.Binary;
using System.Reflection;
using System.Reflection.Emit;

namespace Sandbox.UnitTests.Tidy;

/// <summary>
/// All types that a type mentions: in its bases, members, signatures and in the instructions of its methods.
/// </summary>
internal static class TypeMentions
{
    private const BindingFlags Declared =
        BindingFlags.DeclaredOnly | BindingFlags.Instance | BindingFlags.Static | BindingFlags.Public
            | BindingFlags.NonPublic;

    private static readonly Dictionary<int, OperandType> _operands = OperandTypes();

    /// <summary>The types mentioned, each with the member that mentions it.</summary>
    public static IEnumerable<(Type Type, string Where)> Of(Type type)
    {
        if (type.BaseType is { } parent)
            yield return (parent, "base");
        foreach (Type contract in type.GetInterfaces())
            yield return (contract, "interfaces");
        foreach (FieldInfo field in type.GetFields(Declared))
            yield return (field.FieldType, field.Name);
        foreach (MethodBase method in type.GetMethods(Declared).Concat<MethodBase>(type.GetConstructors(Declared)))
        {
            foreach (ParameterInfo parameter in method.GetParameters())
                yield return (parameter.ParameterType, method.Name);
            if (method is MethodInfo { ReturnType: { } result })
                yield return (result, method.Name);
            foreach (Type used in InBody(method))
                yield return (used, method.Name);
        }
    }

    /// <summary>The type itself with what it is made of: element, generic definition and arguments.</summary>
    public static IEnumerable<Type> Flatten(Type type)
    {
        if (type.HasElementType)
        {
            foreach (Type part in Flatten(type.GetElementType()!))
                yield return part;
            yield break;
        }

        if (type.IsGenericParameter)
            yield break;
        yield return type;
        foreach (Type argument in type.GetGenericArguments())
        {
            foreach (Type part in Flatten(argument))
                yield return part;
        }
    }

    private static IEnumerable<Type> InBody(MethodBase method)
    {
        if (method.GetMethodBody() is not { } body)
            yield break;
        foreach (LocalVariableInfo local in body.LocalVariables)
            yield return local.LocalType;
        foreach (int token in Tokens(body.GetILAsByteArray() ?? []))
        {
            MemberInfo? member = Resolve(method, token);
            switch (member)
            {
                case Type type:
                    yield return type;
                    break;
                case FieldInfo field:
                    yield return field.FieldType;
                    break;
                case MethodInfo called:
                    yield return called.ReturnType;
                    break;
            }

            if (member?.DeclaringType is { } declaring)
                yield return declaring;
        }
    }

    private static MemberInfo? Resolve(MethodBase method, int token)
    {
        Type[]? ofType = method.DeclaringType is { IsGenericType: true } generic ? generic.GetGenericArguments() : null;
        Type[]? ofMethod = method.IsGenericMethod ? method.GetGenericArguments() : null;
        try
        {
            return method.Module.ResolveMember(token, ofType, ofMethod);
        }
        catch (Exception unresolved) when (unresolved is ArgumentException or BadImageFormatException)
        {
            return null; // A stand-alone signature (calli): no member.
        }
    }

    /// <summary>The metadata tokens among the operands of a method's instructions (ECMA-335, III.1.7).</summary>
    private static IEnumerable<int> Tokens(byte[] code)
    {
        for (int at = 0; at < code.Length;)
        {
            int opcode = code[at++];
            if (opcode == 0xFE)
                opcode = 0xFE00 | code[at++];
            switch (_operands[opcode])
            {
                case OperandType.InlineNone:
                    break;
                case OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar:
                    at += 1;
                    break;
                case OperandType.InlineVar:
                    at += 2;
                    break;
                case OperandType.InlineI8 or OperandType.InlineR:
                    at += 8;
                    break;
                case OperandType.InlineSwitch:
                    at += 4 + (4 * BinaryPrimitives.ReadInt32LittleEndian(code.AsSpan(at)));
                    break;
                case OperandType.InlineField or OperandType.InlineMethod or OperandType.InlineTok
                    or OperandType.InlineType:
                    yield return BinaryPrimitives.ReadInt32LittleEndian(code.AsSpan(at));
                    at += 4;
                    break;
                default:
                    at += 4;
                    break;
            }
        }
    }

    private static Dictionary<int, OperandType> OperandTypes()
    {
        Dictionary<int, OperandType> operands = [];
        foreach (FieldInfo field in typeof(OpCodes).GetFields(BindingFlags.Public | BindingFlags.Static))
        {
            OpCode opcode = (OpCode)field.GetValue(null)!;
            operands[(ushort)opcode.Value] = opcode.OperandType;
        }

        return operands;
    }
}
