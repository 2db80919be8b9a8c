using System;

namespace TangoToken
{
    /// <summary>
    /// An error of the library. Its message says what happened and what to do. Neither the message nor a property
    /// contains a secret.
    /// </summary>
    public sealed class TangoTokenException : Exception
    {
        private TangoTokenException(ErrorHandle error)
            : base(Utf8.Borrow(error, NativeMethods.tango_error_message))
        {
            Status = NativeMethods.tango_error_status(error);
            int httpStatus = NativeMethods.tango_error_http_status(error);
            HttpStatus = httpStatus == 0 ? (int?)null : httpStatus;
            OAuthError = Utf8.Borrow(error, NativeMethods.tango_error_oauth_error);
            OAuthErrorDescription = Utf8.Borrow(error, NativeMethods.tango_error_oauth_error_description);
            I18nKey = Utf8.Borrow(error, NativeMethods.tango_error_i18n_key);
            ServerMessage = Utf8.Borrow(error, NativeMethods.tango_error_server_message);
            RequestId = Utf8.Borrow(error, NativeMethods.tango_error_request_id);
            long seconds = NativeMethods.tango_error_retry_after_seconds(error);
            RetryAfter = seconds < 0 ? (TimeSpan?)null : TimeSpan.FromSeconds(seconds);
        }

        /// <summary>The kind of error.</summary>
        public TangoStatus Status { get; private set; }

        /// <summary>The HTTP status of the server's response; <c>null</c> if there was none.</summary>
        public int? HttpStatus { get; private set; }

        /// <summary>
        /// The OAuth code of RFC 6749 section 5.2, such as <c>invalid_grant</c>, or the code of a gateway; <c>null</c>
        /// if the server sent none.
        /// </summary>
        public string OAuthError { get; private set; }

        /// <summary>
        /// The OAuth <c>error_description</c> of RFC 6749 section 5.2; <c>null</c> if the server sent none.
        /// </summary>
        public string OAuthErrorDescription { get; private set; }

        /// <summary>
        /// Tango's <c>i18nKey</c>, a stable identifier of the failure; <c>null</c> if the server sent none.
        /// </summary>
        public string I18nKey { get; private set; }

        /// <summary>
        /// Tango's <c>message</c>, the sentence of another error, or plain text; <c>null</c> if there was none.
        /// </summary>
        public string ServerMessage { get; private set; }

        /// <summary>
        /// The request's ID in the server's logs (<c>X-REQUEST-ID</c>), which Tango's support asks for; <c>null</c> if
        /// the server sent none.
        /// </summary>
        public string RequestId { get; private set; }

        /// <summary>How long to wait before the next call makes sense; <c>null</c> if waiting does not help.</summary>
        public TimeSpan? RetryAfter { get; private set; }

        /// <summary>Copies a native error and frees it.</summary>
        internal static TangoTokenException Take(IntPtr error)
        {
            using (var handle = new ErrorHandle(error))
                return new TangoTokenException(handle);
        }
    }
}
