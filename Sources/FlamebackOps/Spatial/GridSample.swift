import CKernels
import FlamebackCore
import FlamebackKernels

/// How `gridSample` finds values between pixels.
public enum GridSampleMode: String, Sendable { case bilinear, nearest, bicubic }

/// What `gridSample` finds outside the image.
public enum GridPaddingMode: String, Sendable { case zeros, border, reflection }

extension Primitives {
  /// Values of an image at the places of a grid.
  package struct GridSample: Primitive {
    package static let name = "gridSample"
    package let mode: GridSampleMode
    package let padding: GridPaddingMode
    package let alignCorners: Bool

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      let (x, grid) = (inputs[0], inputs[1])
      func wrong(_ what: String) -> OpError { OpError(name, "\(what): \(x) × \(grid)") }
      guard x.dtype == grid.dtype, x.dtype.isFloatingPoint else { throw wrong("expected one floating point dtype") }
      guard x.rank == grid.rank, x.rank == 4 || x.rank == 5 else { throw wrong("expected two 4-d or two 5-d tensors") }
      guard x.shape[0] == grid.shape[0] else { throw wrong("batch sizes differ") }
      guard grid.shape[grid.rank - 1] == x.rank - 2 else {
        throw wrong("the grid's last dimension must hold \(x.rank - 2) coordinates")
      }
      guard x.shape.dropFirst(2).allSatisfy({ $0 > 0 }) else { throw wrong("the image is empty") }
      guard mode != .bicubic || x.rank == 4 else { throw wrong("bicubic is for 4-d inputs") }
      let shape = [x.shape[0], x.shape[1]] + Shape(grid.shape.dropFirst().dropLast())
      return [TensorSpec(shape: shape, dtype: x.dtype, device: x.device)]
    }

    package func description(_ x: HostView, _ grid: HostView) -> fb_grid {
      let code =
        switch mode {
        case .bilinear: FB_INTERPOLATE_LINEAR
        case .nearest: FB_INTERPOLATE_NEAREST
        case .bicubic: FB_INTERPOLATE_CUBIC
        }
      let outside =
        switch padding {
        case .zeros: FB_PAD_ZEROS
        case .border: FB_PAD_BORDER
        case .reflection: FB_PAD_REFLECTION
        }
      return fb_grid(
        dtype: x.code, ndim: Int32(x.shape.count - 2), mode: Int32(code), padding: Int32(outside),
        align_corners: alignCorners, channels: Int64(x.shape[1]), input: triple(x.shape.dropFirst(2)),
        output: triple(grid.shape.dropFirst().dropLast()))
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let (x, grid, y) = (inputs[0], inputs[1], outputs[0])
      var arguments = description(x, grid)
      forEachPlane(x.shape[0], work: 16384) { begin, end in
        fb_grid_sample(&arguments, x.pointer, grid.pointer, y.pointer, begin, end)
      }
    }

    package var attributes: [(String, String)] {
      [("mode", mode.rawValue), ("padding", padding.rawValue), ("alignCorners", "\(alignCorners)")]
    }

    package var gradient: Gradient {
      .pullback(keeps: [.input(0), .input(1)]) { [self] cotangents, saved in
        guard let g = cotangents[0] else { return [nil, nil] }
        let back = Primitives.GridSampleGradient(sample: self)
        let both = apply(back, [g, saved.input(0), saved.input(1)])
        return [both[0], both[1]]
      }
    }
  }
}

extension Primitives {
  /// The gradients of image and grid. Inputs: g, image, grid.
  package struct GridSampleGradient: Primitive {
    package static let name = "gridSampleGradient"
    package let sample: Primitives.GridSample

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] { [inputs[1], inputs[2]] }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      var arguments = sample.description(inputs[1], inputs[2])
      forEachPlane(inputs[1].shape[0], work: 16384) { begin, end in
        fb_grid_sample_backward(
          &arguments, inputs[0].pointer, inputs[1].pointer, inputs[2].pointer, outputs[0].pointer, outputs[1].pointer,
          begin, end)
      }
    }

    package var attributes: [(String, String)] { sample.attributes }
    package var gradient: Gradient { .ofDecomposition }
  }
}

extension Tensor {
  /// The values of images [batch, channels, h, w] at the places of `grid` [batch, h', w', 2], whose (x, y) run from −1 to 1;
  /// volumes with (x, y, z) likewise. SeeAlso: torch.nn.functional.grid_sample
  public func gridSample(
    _ grid: Tensor, mode: GridSampleMode = .bilinear, paddingMode: GridPaddingMode = .zeros, alignCorners: Bool = false
  ) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      let sample = Primitives.GridSample(mode: mode, padding: paddingMode, alignCorners: alignCorners)
      let isTricubic = mode == .bicubic && rank == 5  // rare: no kernel
      let checked =
        isTricubic ? Primitives.GridSample(mode: .bilinear, padding: paddingMode, alignCorners: alignCorners) : sample
      _ = try checked.infer([spec, grid.spec])
      // PyTorch rounds each step of a bfloat16 sampling, places included: so do the smaller operations.
      if dtype == .bfloat16 || isTricubic, let rounded = sample.decomposed([self, grid]) { return rounded[0] }
      return apply(sample, self, grid)
    }
  }

  /// The grid of the affine maps [batch, 2, 3] (or [batch, 3, 4]) for images of `size`, which counts batch and channels.
  /// SeeAlso: torch.nn.functional.affine_grid
  public func affineGrid(_ size: [Int], alignCorners: Bool = false) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      let n = size.count - 2
      guard n == 2 || n == 3, shape == [size[0], n, n + 1], dtype.isFloatingPoint else {
        throw OpError("affineGrid", "expected maps [batch, 2, 3] or [batch, 3, 4] for size \(size), got \(spec)")
      }
      guard size.allSatisfy({ $0 > 0 }) else { throw OpError("affineGrid", "sizes must be positive, got \(size)") }
      let space = Array(size.dropFirst(2))
      let points = try sized("affineGrid") { .product(space) }
      try TensorSpec(shape: [size[0], points, n + 1], dtype: dtype).checkMemory("affineGrid")
      var parts: [Tensor] = []
      for d in (0..<n).reversed() {  // x first
        let count = space[d]
        var places = Tensor.linspace(-1, 1, count, dtype: dtype, device: device)
        if count == 1 { places = Tensor.zerosLike(places) }
        if !alignCorners { places = places * (Double(count - 1) / Double(count)) }
        var view = [Int](repeating: 1, count: n)
        view[d] = count
        parts.append(places.reshape(view).expand(space))
      }
      parts.append(Tensor.ones(space, dtype: dtype, device: device))
      let base = Tensor.stack(parts, dim: n).reshape(1, points, n + 1)
      let grid = base.expand([size[0], points, n + 1]).bmm(transpose(1, 2))
      return grid.reshape([size[0]] + space + [n])
    }
  }
}
