import java.awt.Color;
import java.awt.image.BufferedImage;
import javax.imageio.ImageIO;

/// Draws where the best box of a detector looks in a layer of its decoder: the points of all heads and levels, bright where their
/// weights are large. The frame is the box before that layer.
///
/// Arguments: MODEL LAYER OUT.png PICTURE TEXT, where LAYER is a number
void main(String[] args) throws IOException {
  if (args.length != 5) {
    IO.println("usage: DrawPoints MODEL LAYER OUT.png PICTURE TEXT");
    System.exit(2);
  }
  String points = "decoder.sampling_points." + args[1], weights = "decoder.sampling_weights." + args[1];
  String boxes = "decoder.boxes." + args[1];
  try (var pass = new Pass(args[0], List.of(args[3], args[4]), points, weights, boxes)) {
    var logits = pass.tensor("logits");
    int best = 0, scale = 3;
    float highest = Float.NEGATIVE_INFINITY;
    for (int query = 0; query < logits.dim(1); query++)
      for (int token = 0; token < pass.tokens.size(); token++)
        if (logits.get(0, query, token) > highest) {
          highest = logits.get(0, query, token);
          best = query;
        }
    int width = scale * pass.picture.width(), height = scale * pass.picture.height();
    var image = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
    for (int y = 0; y < height; y++)
      for (int x = 0; x < width; x++) image.setRGB(x, y, dark(pass.picture.rgb(), y / scale * pass.picture.width() + x / scale));
    var graphics = image.createGraphics();
    var box = pass.tensor(boxes);                                             // [B, Q, 4]: centre, width and height
    float w = box.get(0, best, 2) * width, h = box.get(0, best, 3) * height;
    graphics.drawRect((int) (box.get(0, best, 0) * width - w / 2), (int) (box.get(0, best, 1) * height - h / 2), (int) w, (int) h);
    var places = pass.tensor(points);                                         // [B, Q, heads, levels, points, 2]
    var shares = pass.tensor(weights);                                        // [B, Q, heads, levels, points]
    for (int head = 0; head < shares.dim(2); head++)
      for (int level = 0; level < shares.dim(3); level++)
        for (int point = 0; point < shares.dim(4); point++) {
          float share = Math.min(1, 0.15f + 3 * shares.get(0, best, head, level, point));
          graphics.setColor(new Color(1, 0.6f, 0, share));
          graphics.fillOval((int) (places.get(0, best, head, level, point, 0) * width) - 4,
              (int) (places.get(0, best, head, level, point, 1) * height) - 4, 9, 9);
        }
    ImageIO.write(image, "png", new File(args[2]));
    IO.println("box " + best + " looks at " + shares.dim(2) * shares.dim(3) * shares.dim(4) + " points");
  }
}

int dark(byte[] rgb, int pixel) {
  int colour = 0;
  for (int c = 0; c < 3; c++) colour = colour << 8 | (int) (0.4 * (rgb[3 * pixel + c] & 0xe0));
  return colour;
}
