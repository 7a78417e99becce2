import CKernels

/// Cross entropy from logits [n, classes, inner] (packed) and class indices [n, inner].
public enum CrossEntropy {
  /// loss = ln Σ eˣ − x[target], 0 where the target is to be ignored; returns a target out of range if there is one.
  public static func forward(
    _ x: UnsafeMutableRawPointer, _ dtype: DType, shape: Shape, targets: UnsafePointer<Int64>, ignoring: Int,
    losses: UnsafeMutableRawPointer, normalizers: UnsafeMutableRawPointer
  ) -> Int? {
    let lines = Lines(shape, 1)
    Reduction.run(
      .logSumExp, x, dtype, layout: Layout(shape), dims: [1], into: normalizers, dtype.accumulation)
    func run<T: WideningElement>(_ type: T.Type) -> Int? {
      let x = x.assumingMemoryBound(to: T.self)
      let losses = losses.assumingMemoryBound(to: T.self)
      let normalizers = normalizers.assumingMemoryBound(to: T.Wide.self)
      for i in 0..<lines.count {
        let target = Int(targets[i])
        if target == ignoring {
          losses[i] = T(wide: .zero)
        } else if target < 0 || target >= lines.n {
          return target
        } else {
          losses[i] = T(wide: normalizers[i] - x[position(i, target, lines)].wide)
        }
      }
      return nil
    }
    switch dtype {
    case .float16: return run(Float16.self)
    case .bfloat16: return run(BFloat16.self)
    case .float32: return run(Float.self)
    default: return run(Double.self)
    }
  }

  /// dx = g (e^(x − normalizer) − [class is target]), 0 where the target is to be ignored.
  public static func backward(
    _ g: UnsafeMutableRawPointer, _ x: UnsafeMutableRawPointer, _ dtype: DType, shape: Shape,
    targets: UnsafePointer<Int64>, ignoring: Int, normalizers: UnsafeMutableRawPointer, into dx: UnsafeMutableRawPointer
  ) {
    let lines = Lines(shape, 1)
    let scratch = ScratchMemory(byteCount: lines.count * dtype.byteSize)
    func run<T: WideningElement>(_ type: T.Type) {
      let given = g.assumingMemoryBound(to: T.self)
      let used = scratch.pointer.assumingMemoryBound(to: T.self)
      for i in 0..<lines.count { used[i] = Int(targets[i]) == ignoring ? T(wide: .zero) : given[i] }
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
    default: run(Double.self)
    }
  }

  private static func position(_ line: Int, _ target: Int, _ lines: Lines) -> Int {
    let (n, i) = line.quotientAndRemainder(dividingBy: lines.inner)
    return (n * lines.n + target) * lines.inner + i
  }

  /// e^(x − normalizer) · g.
  private static let softmaxTimes = ElementwiseProgram(
    instructions: [
      fb_instruction(op: UInt16(FB_OP_SUB.rawValue), a: 0, b: 1, c: 0),
      fb_instruction(op: UInt16(FB_OP_EXP.rawValue), a: 3, b: 0, c: 0),
      fb_instruction(op: UInt16(FB_OP_MUL.rawValue), a: 4, b: 2, c: 0),
    ], inputCount: 3, constants: [], outputRegisters: [5])
}
