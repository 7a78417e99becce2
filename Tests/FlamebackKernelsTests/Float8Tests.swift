import FlamebackKernels
import Testing

/// The floats of 8 bits against PyTorch's codes, in plain Swift and in the engine.
@Suite struct Float8Tests {
  private func bytes(_ hexadecimal: String) -> [UInt8] {
    let digits = hexadecimal.filter { !$0.isWhitespace }.map { UInt8($0.hexDigitValue!) }
    return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
  }

  private var patterns: [Float] { (0..<2048).map { Float(bitPattern: UInt32(truncatingIfNeeded: $0 * 2_654_435_761)) } }

  /// Numbers around the middles between the codes of 0 to the greatest number.
  private func middles(_ top: Int, _ number: (UInt8) -> Float) -> [Float] {
    (0..<top).flatMap { code -> [Float] in
      let middle = (number(UInt8(code)) + number(UInt8(code + 1))) / 2
      return [middle.nextDown, middle, middle.nextUp].flatMap { [$0, -$0] }
    }
  }

  /// The codes that the engine stores for float32 numbers, as one vector and one by one.
  private func stored(_ values: [Float], _ dtype: DType) -> [[UInt8]] {
    let source = KernelBuffer(.float32, count: values.count)
    for (i, value) in values.enumerated() { source.at(i, Float.self).pointee = value }
    let whole = KernelBuffer(dtype, count: values.count)
    let single = KernelBuffer(dtype, count: values.count)
    Strided.copy(source.data, .float32, nil, to: whole.data, dtype, nil, over: [values.count])
    for i in values.indices {
      Strided.copy(source.data + 4 * i, .float32, nil, to: single.data + i, dtype, nil, over: [1])
    }
    return [whole, single].map { buffer in values.indices.map { buffer.at($0, UInt8.self).pointee } }
  }

  private func check(_ values: [Float], _ golden: String, _ dtype: DType, _ code: (Float) -> UInt8) {
    let expected = bytes(golden)
    #expect(values.map(code) == expected)
    for codes in stored(values, dtype) { #expect(codes == expected) }
  }

  @Test func numbersRoundAsPyTorchRoundsThem() {
    let e4m3 = { Float8E4M3FN($0).bitPattern }
    check(patterns, Float8Golden.e4m3fnOfPatterns, .float8E4M3FN, e4m3)
    check(
      middles(0x7E) { Float8E4M3FN(bitPattern: $0).float }, Float8Golden.e4m3fnOfMiddles, .float8E4M3FN, e4m3)
    check(Float8Golden.special, Float8Golden.e4m3fnOfSpecial, .float8E4M3FN, e4m3)
    let e5m2 = { Float8E5M2($0).bitPattern }
    check(patterns, Float8Golden.e5m2OfPatterns, .float8E5M2, e5m2)
    check(middles(0x7B) { Float8E5M2(bitPattern: $0).float }, Float8Golden.e5m2OfMiddles, .float8E5M2, e5m2)
    check(Float8Golden.special, Float8Golden.e5m2OfSpecial, .float8E5M2, e5m2)
  }

  @Test func everyCodeIsTheSameNumberInTheEngine() {
    for dtype in [DType.float8E4M3FN, .float8E5M2] {
      let codes = KernelBuffer(dtype, count: 256)
      for code in 0..<256 { codes.at(code, UInt8.self).pointee = UInt8(code) }
      for target in [DType.float32, .float64] {
        let numbers = KernelBuffer(target, count: 256)
        Strided.copy(codes.data, dtype, nil, to: numbers.data, target, nil, over: [256])
        for code in 0..<256 {
          let (got, want) = (numbers[code], codes[code])
          #expect(got == want || (got.isNaN && want.isNaN), "\(dtype) \(code)")
          #expect(got.isNaN || (got.sign == .minus) == (code >= 128))
        }
      }
    }
    // The formats' own definitions.
    #expect(Float8E4M3FN(bitPattern: 0x7E).float == 448 && Float8E4M3FN(bitPattern: 0x01).float == 0x1p-9)
    #expect(Float8E4M3FN(bitPattern: 0x38).float == 1 && Float8E4M3FN(bitPattern: 0xFF).float.isNaN)
    #expect(Float8E5M2(bitPattern: 0x7B).float == 57344 && Float8E5M2(bitPattern: 0x01).float == 0x1p-16)
    #expect(Float8E5M2(bitPattern: 0x3C).float == 1 && Float8E5M2(bitPattern: 0xFC).float == -.infinity)
    #expect(Float8E5M2(bitPattern: 0x7D).float.isNaN)
  }
}
