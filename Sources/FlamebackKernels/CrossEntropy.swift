import CKernels

/// Cross entropy from logits [n, classes, inner] (packed) and class indices [n, inner].
public enum CrossEntropy {
  /// loss = ln Σ eˣ − x[target], 0 where the target is to be ignored, or a single number, the mean of the others; returns
  /// a target out of range if there is one.
  public static func forward(
    _ x: UnsafeMutableRawPointer, _ dtype: DType, shape: Shape, targets: UnsafePointer<Int64>, ignoring: Int,
    mean: Bool, losses: UnsafeMutableRawPointer, normalizers: UnsafeMutableRawPointer
  ) -> Int? {
    let lines = Lines(shape, 1)
    lines.forEachChunk { range in
      fb_log_sum_exp(
        x, normalizers, fb_dtype(dtype.rawValue), Int64(lines.outer), Int64(lines.n), Int64(lines.inner),
        Int64(range.lowerBound), Int64(range.upperBound))
    }
    func run<T: WideningElement>(_ type: T.Type) -> Int? where T.Wide: BinaryFloatingPoint {
      let x = x.assumingMemoryBound(to: T.self)
      let losses = losses.assumingMemoryBound(to: T.self)
      let normalizers = normalizers.assumingMemoryBound(to: T.Wide.self)
      var sum = 0.0, count = 0.0
      for i in 0..<lines.count {
        let target = Int(targets[i])
        if target == ignoring {
          if !mean { losses[i] = T(wide: .zero) }
          continue
        }
        guard target >= 0, target < lines.n else { return target }
        let loss = normalizers[i] - x[position(i, target, lines)].wide
        if mean {
          sum += Double(loss)
          count += 1
        } else {
          losses[i] = T(wide: loss)
        }
      }
      if mean { losses[0] = T(wide: T.Wide(sum / count)) }
      return nil
    }
    switch dtype {
    case .float16: return run(Float16.self)
    case .bfloat16: return run(BFloat16.self)
    case .float32: return run(Float.self)
    case .float64: return run(Double.self)
    case .bool, .uint8, .int8, .int16, .int32, .int64, .uint16, .uint32, .uint64, .float8E4M3FN, .float8E5M2,
      .complex32, .complex64, .complex128:
      preconditionFailure("cross entropy of \(dtype)")
    }
  }

  /// dx = g (e^(x − normalizer) − [class is target]), 0 where the target is to be ignored; g is the gradient of each loss or,
  /// a single number, of their mean.
  public static func backward(
    _ g: UnsafeMutableRawPointer, _ x: UnsafeMutableRawPointer, _ dtype: DType, shape: Shape,
    targets: UnsafePointer<Int64>, ignoring: Int, mean: Bool, normalizers: UnsafeMutableRawPointer,
    into dx: UnsafeMutableRawPointer
  ) {
    let lines = Lines(shape, 1)
    guard let scratch = ScratchMemory(byteCount: lines.count * dtype.byteSize) else { return }
    func run<T: WideningElement>(_ type: T.Type) where T.Wide: BinaryFloatingPoint {
      let given = g.assumingMemoryBound(to: T.self)
      let used = scratch.pointer.assumingMemoryBound(to: T.self)
      let zero = T(wide: .zero)
      if mean {
        var count = 0.0
        for i in 0..<lines.count where Int(targets[i]) != ignoring { count += 1 }
        let share = T(wide: given[0].wide / T.Wide(count))
        for i in 0..<lines.count { used[i] = Int(targets[i]) == ignoring ? zero : share }
      } else {
        for i in 0..<lines.count { used[i] = Int(targets[i]) == ignoring ? zero : given[i] }
      }
      let sizes: Shape = [lines.outer, lines.n, lines.inner]
      let rows: Shape = [lines.inner, 0, 1]
      softmaxTimes.run(
        compute: dtype, shape: sizes,
        inputs: [
          ElementwiseOperand(x, dtype, strides: nil),
          ElementwiseOperand(normalizers, dtype.accumulation, strides: rows),
          ElementwiseOperand(scratch.pointer, dtype, strides: rows),
        ], parameters: [], outputs: [ElementwiseOperand(dx, dtype, strides: nil)])
      let dx = dx.assumingMemoryBound(to: T.self)
      for i in 0..<lines.count where Int(targets[i]) != ignoring {
        let k = position(i, Int(targets[i]), lines)
        dx[k] = T(wide: dx[k].wide - used[i].wide)
      }
    }
    switch dtype {
    case .float16: run(Float16.self)
    case .bfloat16: run(BFloat16.self)
    case .float32: run(Float.self)
    case .float64: run(Double.self)
    case .bool, .uint8, .int8, .int16, .int32, .int64, .uint16, .uint32, .uint64, .float8E4M3FN, .float8E5M2,
      .complex32, .complex64, .complex128:
      preconditionFailure("cross entropy of \(dtype)")
    }
  }

  private static func position(_ line: Int, _ target: Int, _ lines: Lines) -> Int {
    if lines.inner == 1 { return line * lines.n + target }
    let (n, i) = line.quotientAndRemainder(dividingBy: lines.inner)
    return (n * lines.n + target) * lines.inner + i
  }

  /// e^(x − normalizer) · g.
  private static let softmaxTimes = ElementwiseProgram(
    instructions: [
      fb_instruction(.sub, 0, 1),
      fb_instruction(.exp, 3),
      fb_instruction(.mul, 4, 2),
    ], inputCount: 3, constants: [], outputRegisters: [5])
}
