import Flameback

extension Primitives {
  /// The largest pixels of the parts of regions, and where in the images they are (−1: the part is empty).
  package struct RegionMaximum: Primitive {
    package static let name = "roiPool"
    package let size: [Int]
    package let scale: Double

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      let (x, regions) = (inputs[0], inputs[1])
      guard x.rank == 4, regions.rank == 2, regions.shape[1] == 5, x.dtype == regions.dtype, x.dtype.isFloatingPoint
      else {
        throw OpError(name, "expected floating point images [n, c, h, w] and regions [k, 5]: \(x) × \(regions)")
      }
      let shape = [regions.shape[0], x.shape[1]] + Shape(size)
      return [x.dtype, .int64].map { TensorSpec(shape: shape, dtype: $0, device: x.device) }
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      if inputs[0].dtype == .float64 {
        try run(Double.self, inputs, outputs)
      } else {
        try run(Float.self, inputs, outputs)
      }
    }

    private func run<T: BinaryFloatingPoint & TensorElement>(
      _ type: T.Type, _ inputs: [HostView], _ outputs: [MutableHostView]
    ) throws(OpError) {
      let images = inputs[0].shape
      let (x, regions) = (inputs[0].bound(to: type), inputs[1].bound(to: type))
      let (y, places) = (outputs[0].bound(to: type), outputs[1].bound(to: Int64.self))
      let (channels, height, width) = (images[1], images[2], images[3])
      var out = 0
      for k in 0..<inputs[1].shape[0] {
        let number = regions[5 * k]
        guard number >= 0, number < T(images[0]) else {
          throw OpError(name, "region \(k) names image \(number) of \(images[0])")
        }
        let sides = (1...4).map { (regions[5 * k + $0] * T(scale)).rounded() }
        guard sides.allSatisfy({ $0.magnitude < 1e8 }) else {
          throw OpError(name, "region \(k) lies nowhere: \(sides)")
        }
        let (left, top) = (Int(sides[0]), Int(sides[1]))
        let binWidth = T(max(Int(sides[2]) - left + 1, 1)) / T(size[1])
        let binHeight = T(max(Int(sides[3]) - top + 1, 1)) / T(size[0])
        func range(_ part: Int, _ step: T, _ start: Int, _ limit: Int) -> Range<Int> {
          let low = min(max(Int((T(part) * step).rounded(.down)) + start, 0), limit)
          let high = min(max(Int((T(part + 1) * step).rounded(.up)) + start, 0), limit)
          return low..<max(low, high)
        }
        for c in 0..<channels {
          let plane = (Int(number) * channels + c) * height * width
          for ph in 0..<size[0] {
            let rows = range(ph, binHeight, top, height)
            for pw in 0..<size[1] {
              let columns = range(pw, binWidth, left, width)
              var best: T = rows.isEmpty || columns.isEmpty ? 0 : -T.infinity
              var place = -1
              for row in rows {
                for column in columns where x[plane + row * width + column] > best {
                  place = plane + row * width + column
                  best = x[place]
                }
              }
              y[out] = best
              places[out] = Int64(place)
              out += 1
            }
          }
        }
      }
    }

    package var attributes: [(String, String)] { [("size", "\(size)"), ("scale", "\(scale)")] }

    /// dx = g at the places of the maxima.
    package var gradient: Gradient {
      .pullback(keeps: .output(1)) { cotangents, saved in
        guard let g = cotangents[0] else { return [nil, nil] }
        let shape = saved.spec(0).shape
        let places = saved.output(1)
        let present = select(where: places .>= 0, g, 0.0).reshape(-1)
        let zeros = Tensor.zeros([shape.elementCount], dtype: g.dtype, device: g.device)
        let dx = zeros.scatterAdd(dim: 0, index: places.clamp(min: 0).reshape(-1), src: present)
        return [dx.reshape(shape), nil]
      }
    }
  }
}

extension Tensor {
  /// The largest pixels of the parts of regions; `boxes` is [k, 5], the image's number and the corners.
  ///
  /// [n, c, h, w] → [k, c, outputSize]. SeeAlso: torchvision.ops.roi_pool
  public func roiPool(_ boxes: Tensor, outputSize: any Sizes, spatialScale: Double = 1) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      let given = outputSize.sizes
      guard given.count == 1 || given.count == 2, given.allSatisfy({ $0 > 0 }) else {
        throw OpError("roiPool", "outputSize must be one or two positive ints, got \(given)")
      }
      let primitive = Primitives.RegionMaximum(
        size: given.count == 2 ? given : [given[0], given[0]], scale: spatialScale)
      let wide: DType = dtype == .float64 ? .float64 : .float32
      return apply(primitive, [to(wide), boxes.to(wide)])[0].to(dtype)
    }
  }

  /// `roiPool` with the boxes [l, 4] of each image. SeeAlso: torchvision.ops.roi_pool
  public func roiPool(_ boxes: [Tensor], outputSize: any Sizes, spatialScale: Double = 1) -> Tensor {
    roiPool(Tensor.regions(boxes), outputSize: outputSize, spatialScale: spatialScale)
  }
}
