import Flameback
import FlamebackCore
import FlamebackKernels

extension OpRecord {
  /// Values in every dtype against the reference in double precision.
  public func checkValues() throws {
    for dtype in dtypes {
      try eachSample({ $0.isSmall || dtype == self.largeDType }) { sample in
        try at("\(dtype)") {
          let parts = complex == .parts && dtype.isComplex
          let inputs = sample.tensors(dtype, imaginary: parts)
          let outputs = try withErrors { sample.run(inputs) }
          try compare(outputs, sample.reference(inputs.map { try PlainArray($0) }), imaginary: false)
          if parts {
            let imaginary = try inputs.map { try PlainArray($0, imaginary: $0.dtype.isComplex) }
            try compare(outputs, sample.reference(imaginary), imaginary: true)
          }
        }
      }
    }
  }

  /// Large samples run in one dtype.
  private var largeDType: DType { dtypes.contains(.float32) ? .float32 : dtypes[0] }

  private func compare(_ found: [Tensor], _ expected: [PlainArray], imaginary: Bool) throws {
    for (i, (tensor, wanted)) in zip(found, expected).enumerated() {
      guard tensor.shape.array == wanted.shape else {
        throw OpCheckError(description: "result \(i) is \(tensor.spec), the reference \(wanted.shape)")
      }
      let values = try PlainArray(tensor, imaginary: imaginary && tensor.dtype.isComplex).values
      let (relative, absolute) = margin(tensor.dtype)
      for (k, (a, b)) in zip(values, wanted.values).enumerated() {
        if a == b || (a.isNaN && b.isNaN) || abs(a - b) <= absolute + relative * abs(b) { continue }
        throw OpCheckError(description: "result \(i), \(tensor.spec), is \(a) at element \(k), the reference \(b)")
      }
    }
  }

  /// The same values lying elsewhere in memory give the same results and gradients.
  public func checkLayouts() throws {
    if dependsOnLayout { return }
    try eachSample { sample in
      let inputs = sample.tensors(mainDType)
      let expected = try withErrors { results(sample, inputs, gradients: true) }
      for layout in Rearrangement.allCases {
        try at("\(layout)") {
          let moved = try withErrors { inputs.map(layout.moved) }
          try compare(withErrors { results(sample, moved, gradients: true) }, expected, exactly: false)
        }
      }
      guard canRepeat else { return }
      try at("expanded") {
        let narrowed = try withErrors {
          zip(sample.inputs, inputs).map { input, x in
            guard input.dtype == nil, let size = x.shape.first, size > 1 else { return x }
            return x.narrow(dim: 0, start: 0, length: 1).expand(x.shape)
          }
        }
        let packed = try withErrors { results(sample, narrowed.map { $0.contiguous() }, gradients: true) }
        try compare(withErrors { results(sample, narrowed, gradients: true) }, packed, exactly: false)
      }
    }
  }

  /// One thread or two: the same bits.
  public func checkThreads() throws {
    let before = numThreads()
    defer { setNumThreads(before) }
    let dtype = dtypes.contains(.float32) ? .float32 : mainDType
    try eachSample({ _ in true }) { sample in
      let inputs = sample.tensors(dtype)
      setNumThreads(1)
      let expected = try withErrors { results(sample, inputs, gradients: true) }
      setNumThreads(2)
      try compare(withErrors { results(sample, inputs, gradients: true) }, expected, exactly: true)
    }
  }
}

/// Other ways for the same values to lie in memory.
private enum Rearrangement: CaseIterable {
  /// The last dimension comes first in memory.
  case transposed
  /// Every second element of larger memory, from the second on.
  case strided
  /// Rows of a larger tensor, behind an offset.
  case offset

  func moved(_ x: Tensor) -> Tensor {
    switch self {
    case .transposed:
      if x.rank < 2 { return x }
      return x.transpose(0, -1).clone().contiguous().transpose(0, -1)
    case .strided:
      var big = Tensor.ones(Shape(x.shape.map { 2 * $0 + 1 }), dtype: x.dtype)
      func window(_ t: Tensor) -> Tensor {
        (0..<x.rank).reduce(t) { t, d in t.slice(dim: d, start: 1, end: 2 * x.shape[d] + 1, step: 2) }
      }
      let places = window(Tensor.arange(big.elementCount).reshape(big.shape)).reshape(-1)
      big = big.reshape(-1).scatter(dim: 0, index: places, src: x.reshape(-1)).reshape(big.shape)
      return window(big)
    case .offset:
      if x.rank == 0 { return Tensor.cat([x.reshape(1), x.reshape(1)]).select(dim: 0, index: 1) }
      return Tensor.cat([x, x, x]).narrow(dim: 0, start: x.shape[0], length: x.shape[0])
    }
  }
}
