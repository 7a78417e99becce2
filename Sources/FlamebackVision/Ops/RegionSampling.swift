import Flameback

/// How the parts of a region of interest become numbers: each is a weighted sum of pixels.
package enum RegionSampler: Sendable {
  /// Means of bilinear samples. Zero samples: as many as pixels.
  case align(samples: Int, aligned: Bool)
  /// The same, every part of the region from channels of its own.
  case alignByPosition(samples: Int)
  /// Means of whole pixels, every part from channels of its own.
  case poolByPosition

  package var isByPosition: Bool { if case .align = self { false } else { true } }

  /// Calls `body` with the pixels and weights of a part: row `ph` and column `pw` of `size`.
  package func forEachTap<T: BinaryFloatingPoint>(
    _ box: (T, T, T, T), scale: T, size: (Int, Int), image: (Int, Int), _ ph: Int, _ pw: Int,
    _ body: (_ place: Int, _ weight: T) -> Void
  ) {
    switch self {
    case .poolByPosition:
      let (left, top) = ((box.0 * scale).rounded(), (box.1 * scale).rounded())
      let width = max((box.2 * scale).rounded() - left, 1) / T(size.1)
      let height = max((box.3 * scale).rounded() - top, 1) / T(size.0)
      func range(_ part: Int, _ step: T, _ start: T, _ limit: Int) -> (Int, Int) {
        let low = Int((T(part) * step).rounded(.down)) + Int(start)
        let high = Int((T(part + 1) * step).rounded(.up)) + Int(start)
        // As in torchvision the last pixel is left out; its backward, which is not the adjoint of that, is not copied.
        return (min(max(low, 0), limit - 1), min(max(high, 0), limit - 1))
      }
      let (y0, y1) = range(ph, height, top, image.0)
      let (x0, x1) = range(pw, width, left, image.1)
      if y1 <= y0 || x1 <= x0 { return }
      let weight = 1 / T((y1 - y0) * (x1 - x0))
      for y in y0..<y1 { for x in x0..<x1 { body(y * image.1 + x, weight) } }
    case .align(let samples, let aligned):
      let offset: T = aligned ? 0.5 : 0
      var (width, height) = ((box.2 - box.0) * scale, (box.3 - box.1) * scale)
      if !aligned { (width, height) = (max(width, 1), max(height, 1)) }
      sample((box.0 * scale - offset, box.1 * scale - offset, width, height), samples, size, image, ph, pw, body)
    case .alignByPosition(let samples):
      let corner = (box.0 * scale - 0.5, box.1 * scale - 0.5)
      let far = (box.2 * scale - 0.5, box.3 * scale - 0.5)
      sample((corner.0, corner.1, far.0 - corner.0, far.1 - corner.1), samples, size, image, ph, pw, body)
    }
  }

  private func sample<T: BinaryFloatingPoint>(
    _ region: (T, T, T, T), _ samples: Int, _ size: (Int, Int), _ image: (Int, Int), _ ph: Int, _ pw: Int,
    _ body: (Int, T) -> Void
  ) {
    let (left, top, width, height) = region
    let (binHeight, binWidth) = (height / T(size.0), width / T(size.1))
    let rows = samples > 0 ? samples : Int(binHeight.rounded(.up))
    let columns = samples > 0 ? samples : Int(binWidth.rounded(.up))
    if rows <= 0 || columns <= 0 { return }
    let share = 1 / T(rows * columns)
    for row in 0..<rows {
      let y = top + T(ph) * binHeight + (T(row) + 0.5) * binHeight / T(rows)
      guard let (y0, y1, fy) = Self.neighbours(y, image.0) else { continue }
      for column in 0..<columns {
        let x = left + T(pw) * binWidth + (T(column) + 0.5) * binWidth / T(columns)
        guard let (x0, x1, fx) = Self.neighbours(x, image.1) else { continue }
        body(y0 * image.1 + x0, (1 - fy) * (1 - fx) * share)
        body(y0 * image.1 + x1, (1 - fy) * fx * share)
        body(y1 * image.1 + x0, fy * (1 - fx) * share)
        body(y1 * image.1 + x1, fy * fx * share)
      }
    }
  }

  /// The pixels on both sides and the weight of the second; nil outside the image.
  private static func neighbours<T: BinaryFloatingPoint>(_ place: T, _ count: Int) -> (Int, Int, T)? {
    guard place >= -1, place <= T(count) else { return nil }
    let low = Int(max(place, 0))
    if low >= count - 1 { return (count - 1, count - 1, 0) }
    return (low, low + 1, max(place, 0) - T(low))
  }
}

extension Primitives {
  /// Regions of images as small images, or the transpose. Inputs: images (or the gradient of the result), and regions
  /// [k, 5] of image number and corners.
  package struct RegionSampling: Primitive {
    package static let name = "regionSampling"
    package let name: String
    package let sampler: RegionSampler
    package let size: [Int]
    package let scale: Double
    /// The images' shape: then the primitive is the transpose.
    package var imageShape: Shape?

    private func channels(_ images: Shape) -> Int { images[1] / (sampler.isByPosition ? size[0] * size[1] : 1) }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      let (x, regions) = (inputs[0], inputs[1])
      if let imageShape { return [TensorSpec(shape: imageShape, dtype: x.dtype, device: x.device)] }
      guard x.rank == 4, regions.rank == 2, regions.shape[1] == 5, x.dtype == regions.dtype, x.dtype.isFloatingPoint
      else {
        throw OpError(name, "expected floating point images [n, c, h, w] and regions [k, 5]: \(x) × \(regions)")
      }
      guard size.allSatisfy({ $0 > 0 }), !sampler.isByPosition || x.shape[1] % (size[0] * size[1]) == 0 else {
        throw OpError(name, "channels are not divisible by the \(size) parts of a region: \(x)")
      }
      return [
        TensorSpec(shape: [regions.shape[0], channels(x.shape)] + size, dtype: x.dtype, device: x.device)
      ]
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      if inputs[0].dtype == .float64 {
        try run(Double.self, inputs, outputs[0])
      } else {
        try run(Float.self, inputs, outputs[0])
      }
    }

    private func run<T: BinaryFloatingPoint & TensorElement>(
      _ type: T.Type, _ inputs: [HostView], _ out: HostView
    ) throws(OpError) {
      let images = imageShape ?? inputs[0].shape
      let x = inputs[0].bound(to: type)
      let y = out.bound(to: type)
      y.initialize(repeating: 0)
      let regions = inputs[1].bound(to: type)
      let count = channels(images)
      let (height, width) = (images[2], images[3])
      let parts = size[0] * size[1]
      for k in 0..<inputs[1].shape[0] {
        let number = regions[5 * k]
        guard number >= 0, number < T(images[0]) else {
          throw OpError(name, "region \(k) names image \(number) of \(images[0])")
        }
        let box = (regions[5 * k + 1], regions[5 * k + 2], regions[5 * k + 3], regions[5 * k + 4])
        guard [box.0, box.1, box.2, box.3].allSatisfy({ $0.magnitude < 1e8 }) else {
          throw OpError(name, "region \(k) has no place in an image: \(box)")
        }
        for part in 0..<parts {
          sampler.forEachTap(
            box, scale: T(scale), size: (size[0], size[1]), image: (height, width), part / size[1], part % size[1]
          ) { place, weight in
            for c in 0..<count {
              let channel = sampler.isByPosition ? c * parts + part : c
              let pixel = ((Int(number) * images[1] + channel) * height * width) + place
              let result = (k * count + c) * parts + part
              if imageShape == nil { y[result] += weight * x[pixel] } else { y[pixel] += weight * x[result] }
            }
          }
        }
      }
    }

    package var attributes: [(String, String)] {
      [("size", "\(size)"), ("scale", "\(scale)"), ("sampler", "\(sampler)")]
    }

    /// Linear in the images: the gradient is the transpose, and its gradient the map itself.
    package var gradient: Gradient {
      .pullback(keeps: .input(1)) { [self] cotangents, saved in
        var back = self
        back.imageShape = imageShape == nil ? saved.spec(0).shape : nil
        return [cotangents[0].map { apply(back, $0, saved.input(1)) }, nil]
      }
    }
  }
}

extension Tensor {
  /// The regions [k, 5] that boxes [l, 4] of each image are: the image's number before the corners.
  /// SeeAlso: torchvision.ops._utils.convert_boxes_to_roi_format
  public static func regions(_ boxes: [Tensor]) -> Tensor {
    for box in boxes where box.rank != 2 || box.shape[1] != 4 {
      return fail("regions", "expected boxes [l, 4] for each image, got \(box.spec)", like: box.spec)
    }
    let numbered = boxes.enumerated().map { i, box in
      Tensor.cat([Tensor.full([box.shape[0], 1], .int(i), dtype: box.dtype, device: box.device), box], dim: 1)
    }
    return Tensor.cat(numbered)
  }

  private func sampled(
    _ op: String, _ sampler: RegionSampler, _ boxes: Tensor, _ outputSize: any Sizes, _ scale: Double
  ) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      let given = outputSize.sizes
      guard given.count == 1 || given.count == 2 else { throw OpError(op, "outputSize must be one or two ints") }
      let size = given.count == 2 ? given : [given[0], given[0]]
      let primitive = Primitives.RegionSampling(name: op, sampler: sampler, size: size, scale: scale)
      // Sixteen bits are too few for coordinates.
      let wide: DType = dtype == .float64 ? .float64 : .float32
      return apply(primitive, to(wide), boxes.to(wide)).to(dtype)
    }
  }

  /// Regions of images as small images by bilinear samples; `boxes` is [k, 5], the image's number and the corners.
  ///
  /// [n, c, h, w] → [k, c, outputSize]. SeeAlso: torchvision.ops.roi_align
  public func roiAlign(
    _ boxes: Tensor, outputSize: any Sizes, spatialScale: Double = 1, samplingRatio: Int = -1, aligned: Bool = false
  ) -> Tensor {
    sampled("roiAlign", .align(samples: samplingRatio, aligned: aligned), boxes, outputSize, spatialScale)
  }

  /// `roiAlign` with the boxes [l, 4] of each image. SeeAlso: torchvision.ops.roi_align
  public func roiAlign(
    _ boxes: [Tensor], outputSize: any Sizes, spatialScale: Double = 1, samplingRatio: Int = -1, aligned: Bool = false
  ) -> Tensor {
    roiAlign(
      Tensor.regions(boxes), outputSize: outputSize, spatialScale: spatialScale, samplingRatio: samplingRatio,
      aligned: aligned)
  }

  /// `roiAlign` where each part of a region has channels of its own: [n, c · h' · w', h, w] → [k, c, h', w'].
  /// SeeAlso: torchvision.ops.ps_roi_align
  public func psRoIAlign(
    _ boxes: Tensor, outputSize: any Sizes, spatialScale: Double = 1, samplingRatio: Int = -1
  ) -> Tensor { sampled("psRoIAlign", .alignByPosition(samples: samplingRatio), boxes, outputSize, spatialScale) }

  /// Means of whole pixels where each part of a region has channels of its own. SeeAlso: torchvision.ops.ps_roi_pool
  public func psRoIPool(_ boxes: Tensor, outputSize: any Sizes, spatialScale: Double = 1) -> Tensor {
    sampled("psRoIPool", .poolByPosition, boxes, outputSize, spatialScale)
  }
}
