"""The application that calls the Tango API."""
