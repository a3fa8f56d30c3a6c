import java.awt.Color;
import java.awt.image.BufferedImage;
import javax.imageio.ImageIO;

/// Draws all weights of an attention layer as a table, a row for each query and a column for each key, and a panel for each head:
/// white is 1, a weight of a quarter is half as bright, and blue is exactly 0, as a mask makes it.
///
/// Arguments: MODEL LAYER OUT.png [PICTURE] [TEXT or X,Y]
void main(String[] args) throws IOException {
  if (args.length < 4) {
    IO.println("usage: DrawTable MODEL LAYER OUT.png [PICTURE] [TEXT or X,Y]");
    System.exit(2);
  }
  try (var pass = new Pass(args[0], List.of(args).subList(3, args.length), args[1])) {
    var weights = pass.attention(args[1]).weights();
    int heads = weights.dim(1), rows = weights.dim(2), cols = weights.dim(3), side = Math.max(1, 112 / rows);
    var image = new BufferedImage(heads * (cols * side + 4) - 4, rows * side, BufferedImage.TYPE_INT_RGB);
    var graphics = image.createGraphics();
    for (int head = 0; head < heads; head++)
      for (int row = 0; row < rows; row++)
        for (int col = 0; col < cols; col++) {
          float weight = weights.get(0, head, row, col);
          int grey = (int) Math.round(255 * Math.sqrt(weight));
          graphics.setColor(weight == 0 ? new Color(40, 60, 160) : new Color(grey, grey, grey));
          graphics.fillRect(head * (cols * side + 4) + col * side, row * side, side, side);
        }
    ImageIO.write(image, "png", new File(args[2]));
    IO.println(heads + " heads, " + rows + " queries, " + cols + " keys " + String.join(" ", pass.tokens));
  }
}
