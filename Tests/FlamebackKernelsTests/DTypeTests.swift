import CKernels
import FlamebackKernels
import Foundation
import Testing

/// Dtypes and opcodes are the same in Swift and in CKernels, and promote as PyTorch's do.
@Suite struct DTypeTests {
  /// The arguments of every `X(...)` that a macro of a header lists.
  private func entries(_ macro: String, in header: String) throws -> [[String]] {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let text = try String(
      contentsOf: folder.appendingPathComponent("Sources/CKernels/include/\(header)"), encoding: .utf8)
    let start = try #require(text.range(of: "#define \(macro)(X)"))
    var lines: [Substring] = []
    for line in text[start.upperBound...].split(separator: "\n", omittingEmptySubsequences: false) {
      lines.append(line)
      if !line.hasSuffix("\\") { break }
    }
    return lines.joined().matches(of: /X\(([^)]*)\)/).map { match in
      match.1.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
    }
  }

  @Test func opcodesAreThoseOfTheHeader() throws {
    let listed = try entries("FB_OPCODES", in: "fb_elementwise.h") + entries("FB_FUSED_OPCODES", in: "fb_elementwise.h")
    #expect(listed.count == Int(FB_OP_COUNT.rawValue) && listed.count == Opcode.allCases.count)
    for (number, (entry, opcode)) in zip(listed, Opcode.allCases).enumerated() {
      #expect(Int(opcode.rawValue) == number)
      #expect("\(opcode)".uppercased() == entry[0].replacingOccurrences(of: "_", with: ""))
      #expect(String(opcode.arity) == entry[1], "\(opcode)")
    }
  }

  @Test func dtypesAreThoseOfTheHeader() throws {
    let computes = ["I64": 0, "F32": 1, "F64": 2, "C64": 3, "C128": 4, "U64": 5]
    let names: [DType: String] = [
      .bool: "BOOL", .uint8: "U8", .int8: "I8", .int16: "I16", .int32: "I32", .int64: "I64", .float16: "F16",
      .bfloat16: "BF16", .float32: "F32", .float64: "F64", .complex64: "C64", .complex128: "C128", .uint16: "U16",
      .uint32: "U32", .uint64: "U64", .float8E4M3FN: "F8_E4M3FN", .float8E5M2: "F8_E5M2", .complex32: "C32",
    ]
    let listed = try entries("FB_DTYPES", in: "fb_types.h")
    #expect(listed.count == Int(FB_DTYPE_COUNT) && listed.count == DType.allCases.count)
    for (number, entry) in listed.enumerated() {
      let dtype = try #require(DType(rawValue: UInt8(number)))
      #expect(entry[0] == names[dtype] && entry[1] == String(dtype.byteSize))
      #expect(computes[entry[2]] == Int(dtype.arithmetic.rawValue))
    }
    #expect(DType.Arithmetic.allCases.count == Int(FB_COMPUTE_COUNT))
  }

  /// What `torch.promote_types` of PyTorch 2.15 gives; XX where it refuses.
  private static let promotions = """
    b   u1   i1   i2   i4   i8   f2   bf   f4   f8   c8  c16   u2   u4   u8   e4   e5   c4
    b    b   u1   i1   i2   i4   i8   f2   bf   f4   f8   c8  c16   XX   XX   XX   XX   XX   c4
    u1   u1   u1   i2   i2   i4   i8   f2   bf   f4   f8   c8  c16   XX   XX   XX   XX   XX   c4
    i1   i1   i2   i1   i2   i4   i8   f2   bf   f4   f8   c8  c16   XX   XX   XX   XX   XX   c4
    i2   i2   i2   i2   i2   i4   i8   f2   bf   f4   f8   c8  c16   XX   XX   XX   XX   XX   c4
    i4   i4   i4   i4   i4   i4   i8   f2   bf   f4   f8   c8  c16   XX   XX   XX   XX   XX   c4
    i8   i8   i8   i8   i8   i8   i8   f2   bf   f4   f8   c8  c16   XX   XX   XX   XX   XX   c4
    f2   f2   f2   f2   f2   f2   f2   f2   f4   f4   f8   c8  c16   f2   f2   f2   XX   XX   c4
    bf   bf   bf   bf   bf   bf   bf   f4   bf   f4   f8   c8  c16   bf   bf   bf   XX   XX   c8
    f4   f4   f4   f4   f4   f4   f4   f4   f4   f4   f8   c8  c16   f4   f4   f4   XX   XX   c8
    f8   f8   f8   f8   f8   f8   f8   f8   f8   f8   f8  c16  c16   f8   f8   f8   XX   XX  c16
    c8   c8   c8   c8   c8   c8   c8   c8   c8   c8  c16   c8  c16   XX   XX   XX   XX   XX   c8
    c16  c16  c16  c16  c16  c16  c16  c16  c16  c16  c16  c16  c16   XX   XX   XX   XX   XX  c16
    u2   XX   XX   XX   XX   XX   XX   f2   bf   f4   f8   XX   XX   u2   XX   XX   XX   XX   XX
    u4   XX   XX   XX   XX   XX   XX   f2   bf   f4   f8   XX   XX   XX   u4   XX   XX   XX   XX
    u8   XX   XX   XX   XX   XX   XX   f2   bf   f4   f8   XX   XX   XX   XX   u8   XX   XX   XX
    e4   XX   XX   XX   XX   XX   XX   XX   XX   XX   XX   XX   XX   XX   XX   XX   e4   XX   XX
    e5   XX   XX   XX   XX   XX   XX   XX   XX   XX   XX   XX   XX   XX   XX   XX   XX   e5   XX
    c4   c4   c4   c4   c4   c4   c4   c4   c8   c8  c16   c8  c16   XX   XX   XX   XX   XX   c4
    """

  @Test func promotesAsPyTorchDoes() throws {
    let short: [String: DType] = [
      "b": .bool, "u1": .uint8, "i1": .int8, "i2": .int16, "i4": .int32, "i8": .int64, "f2": .float16, "bf": .bfloat16,
      "f4": .float32, "f8": .float64, "c8": .complex64, "c16": .complex128, "u2": .uint16, "u4": .uint32, "u8": .uint64,
      "e4": .float8E4M3FN, "e5": .float8E5M2, "c4": .complex32,
    ]
    let rows = Self.promotions.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
    let columns = try rows[0].map { try #require(short[$0]) }
    #expect(Set(columns) == Set(DType.allCases) && rows.count == columns.count + 1)
    for row in rows.dropFirst() {
      let a = try #require(short[row[0]])
      for (b, expected) in zip(columns, row.dropFirst()) {
        #expect(DType.promote(a, b) == short[expected], "\(a) and \(b)")
      }
    }
  }

  @Test func namesArePyTorchs() {
    for dtype in DType.allCases { #expect(DType(name: dtype.name) == dtype && "\(dtype)" == dtype.name) }
    #expect(DType(name: "long") == .int64 && DType(name: "chalf") == .complex32 && DType(name: "float8") == nil)
  }

  /// `torch.tensor(numbers).to(dtype)` of PyTorch 2.15 on x86, one element at a time.
  @Test func floatsBecomeUnsignedAsInPyTorch() {
    let numbers: [Double] = [
      -1, -1.5, -0.9, 65535.9, 65536, 70000, .nan, .infinity, -.infinity, 1e10, -1e10, 5e9, 1.5e19, 1.9e19, -2e20,
      9.3e18,
      -3e9,
    ]
    let expected: [DType: [UInt64]] = [
      .uint16: [65535, 65535, 0, 65535, 0, 4464, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
      .uint32: [
        4_294_967_295, 4_294_967_295, 0, 65535, 65536, 70000, 0, 0, 0, 1_410_065_408, 2_884_901_888, 705_032_704, 0, 0,
        0,
        0, 1_294_967_296,
      ],
      .uint64: [
        .max, .max, 0, 65535, 65536, 70000, 1 << 63, 0, 1 << 63, 10_000_000_000, 18_446_744_063_709_551_616,
        5_000_000_000, 15_000_000_000_000_000_000, 0, 1 << 63, 9_300_000_000_000_000_000, 18_446_744_070_709_551_616,
      ],
    ]
    let source = KernelBuffer(.float64, numbers)
    for (dtype, wanted) in expected {
      let out = KernelBuffer(dtype, count: numbers.count)
      let wide = KernelBuffer(.uint64, count: numbers.count)
      Strided.copy(source.data, .float64, nil, to: out.data, dtype, nil, over: [numbers.count])
      Strided.copy(out.data, dtype, nil, to: wide.data, .uint64, nil, over: [numbers.count])
      #expect((0..<numbers.count).map { wide.at($0, UInt64.self).pointee } == wanted, "\(dtype)")
    }
  }
}
