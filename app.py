"""The web app: `python app.py` (or `tgvig app`) opens it at http://127.0.0.1:7860. Options: `python app.py --help`."""

from tgvig_ui.command import main

if __name__ == "__main__":
    main()
